package configs

// Providers are the outside systems that Backout calls; one that is left out is
// nil and never called. BaseURL points a client at a stand-in; AllowPrivate lists
// the private networks its dialer may reach, none by default.
type Providers struct {
	Vercel   *Vercel   `yaml:"vercel"`
	GitHub   *GitHub   `yaml:"github"`
	Slack    *Slack    `yaml:"slack"`
	SendGrid *SendGrid `yaml:"sendgrid"`
	Stripe   *Stripe   `yaml:"stripe"`
	Toss     *Toss     `yaml:"toss"`
	// Probe is the client of the probes.
	Probe    *Probing  `yaml:"probe"`
	Supabase *Supabase `yaml:"supabase"`
	// Prometheus and Sentry are asked by watches and gates.
	Prometheus *Prometheus `yaml:"prometheus"`
	Sentry     *SentryAPI  `yaml:"sentry"`
}

// Vercel is the account that deployments live in.
type Vercel struct {
	Token Secret `yaml:"token"`
	Team  string `yaml:"team"`
	// ProtectionBypass lets the probes of a target's own address through Vercel's
	// deployment protection.
	ProtectionBypass Secret `yaml:"protection_bypass"`
	// Poll is how often projects, domains and candidates are read; 0 means 30 s.
	Poll         Duration  `yaml:"poll"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// GitHub runs the hotfix workflows.
type GitHub struct {
	Token        Secret    `yaml:"token"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// Slack is where people are told and answer.
type Slack struct {
	BotToken      Secret `yaml:"bot_token"`
	SigningSecret Secret `yaml:"signing_secret"`
	// Team is the id of the workspace (T0…) that commands are taken from; empty takes
	// them from every one that the app is installed in.
	Team         string    `yaml:"team"`
	Channels     Channels  `yaml:"channels"`
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// Channels are Slack channel ids.
type Channels struct {
	Incidents string `yaml:"incidents"`
	Ops       string `yaml:"ops"`
}

// SendGrid sends notices to users and pages by e-mail.
type SendGrid struct {
	APIKey   Secret `yaml:"api_key"`
	From     string `yaml:"from"`
	FromName string `yaml:"from_name"`
	ReplyTo  string `yaml:"reply_to"`
	// UnsubscribeGroup is SendGrid's asm group id; 0 means none.
	UnsubscribeGroup int       `yaml:"unsubscribe_group"`
	BaseURL          string    `yaml:"base_url"`
	AllowPrivate     []Network `yaml:"allow_private"`
}

// Probing says where probes may go besides the public internet. BaseURL, when
// set, is asked instead of the domains, with the domain as Host.
type Probing struct {
	BaseURL      string    `yaml:"base_url"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// Hooks are the webhook sources that are let in, at /hooks/NAME; one that is left
// out is nil and answers 401.
type Hooks struct {
	Vercel       *Hook `yaml:"vercel"`
	VercelDrain  *Hook `yaml:"vercel-drain"`
	Alertmanager *Hook `yaml:"alertmanager"`
	GitHub       *Hook `yaml:"github"`
	Grafana      *Hook `yaml:"grafana"`
	PagerDuty    *Hook `yaml:"pagerduty"`
	SendGrid     *Hook `yaml:"sendgrid"`
	Sentry       *Hook `yaml:"sentry"`
	Stripe       *Hook `yaml:"stripe"`
	Toss         *Hook `yaml:"toss"`
	UptimeRobot  *Hook `yaml:"uptimerobot"`
	Events       *Hook `yaml:"events"`
}

// Hook says how a source proves who it is. Auth is hmac, bearer, basic,
// path_secret (the secret is the last part of the path), ecdsa (SendGrid; the
// secret is its public key), routing_key (PagerDuty's shape; the secret stands in
// the body) or none, which is allowed on a loopback listener only. User belongs to
// basic, SigningKey to Toss, which signs its events about payouts and sellers by its
// security key.
type Hook struct {
	Auth   string `yaml:"auth"`
	User   string `yaml:"user"`
	Secret Secret `yaml:"secret"`
	// Verify belongs to vercel-drain: the code by which Vercel sees whose it is.
	Verify string `yaml:"verify"`

	SigningKey Secret `yaml:"signing_key"`
	// ExpectEvery is within which time it must be heard; 0 means that nobody waits.
	ExpectEvery Duration `yaml:"expect_every"`
}
