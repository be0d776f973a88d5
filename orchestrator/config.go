package orchestrator

import (
	"slices"
	"strconv"
)

// Config is what the fold knows about the outside: the configuration file
// without its secrets, as the last `cfg` entry of the log carries it. All
// durations are milliseconds. People, limits and modes are always read from the
// current Config; only plans and resolved identities are pinned to an incident.
type Config struct {
	Mode      Mode   `json:"mode"`
	Timezone  string `json:"timezone,omitempty"`
	PublicURL string `json:"public_url,omitempty"`
	// Chat is set when there is a chat that shows incidents.
	Chat bool `json:"chat,omitempty"`
	// OpsChannel is where changes of how Backout works are told; the incidents'
	// channel when empty.
	OpsChannel string     `json:"ops_channel,omitempty"`
	People     []Person   `json:"people"`
	Projects   []Project  `json:"projects"`
	Audiences  []Audience `json:"audiences,omitempty"`
	// Silences are the maintenance windows.
	Silences []Silence `json:"silences,omitempty"`
	Policies Policies  `json:"policies"`
	// ControlProbes are addresses of unrelated hosts: when all fail, Backout itself is
	// cut off.
	ControlProbes []string `json:"control_probes,omitempty"`
	// Upstreams are the providers whose status pages are read.
	Upstreams []UpstreamPage `json:"upstreams,omitempty"`
	// Expect lists the sources that must be heard from every so often.
	Expect []ExpectSource `json:"expect,omitempty"`
}

// Mode says how far Backout may go by itself.
type Mode string

// The modes: shadow records what it would have done, advise asks before every
// effect, live lets policy act alone.
const (
	Shadow Mode = "shadow"
	Advise Mode = "advise"
	Live   Mode = "live"
)

// Person is somebody who may be paged or may approve.
type Person struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Email string   `json:"email,omitempty"`
	Slack string   `json:"slack,omitempty"`
	Lang  []string `json:"lang,omitempty"`
	Roles []string `json:"roles"`
}

// Project is one product with its environments; its id is the last token of
// the NATS subjects its publishers use.
type Project struct {
	ID     string `json:"id"`
	Vercel string `json:"vercel,omitempty"`
	Mode   Mode   `json:"mode,omitempty"`
	// Modes narrows Mode for single actions; AnyAction speaks for those not named.
	Modes        map[string]Mode `json:"modes,omitempty"`
	Components   []Component     `json:"components,omitempty"`
	Environments []Environment   `json:"environments"`
	Hotfix       Hotfix          `json:"hotfix,omitzero"`
	// Repository is owner/name at GitHub where its code is.
	Repository string  `json:"repository,omitempty"`
	Match      []Match `json:"match,omitempty"`
	Audience   string  `json:"audience,omitempty"`
	// Affected is the audience of those whom an incident touched, a query over its window.
	Affected string `json:"affected,omitempty"`
	// Maintenance is the component whose switch puts up the maintenance page.
	Maintenance string `json:"maintenance,omitempty"`
	// Reconciles is set when its payments can be compared with the provider's.
	Reconciles bool `json:"reconciles,omitempty"`
	// ReleaseTag says how the tag of a release holds the commit: {commit} stands for
	// it, * for anything; empty when tags are commits or names of deployments.
	ReleaseTag string `json:"release_tag,omitempty"`
	// DependsOn names the upstreams and projects this one cannot work without.
	DependsOn []string `json:"depends_on,omitempty"`
}

// Component is a part of a product that users would name as broken.
type Component struct {
	ID       string            `json:"id"`
	Title    map[string]string `json:"title,omitempty"`
	Upstream string            `json:"upstream,omitempty"`
	// Switch says in words what switches it off and on; empty when nothing does.
	Switch string `json:"switch,omitempty"`
}

// Environment kinds.
const (
	KindProduction = "production"
	KindStaging    = "staging"
	KindDisposable = "disposable"
)

// Environment is a place deployments serve from.
type Environment struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Domains []Domain `json:"domains,omitempty"`
	Probes  []Probe  `json:"probes,omitempty"`
	// ServedFor is how long a deployment must have served without an incident
	// to count as a good target.
	ServedFor int64 `json:"served_for,omitempty"`
	// MarkerPath and MarkerJSON name the build marker: a path that answers JSON
	// with the deployment id in one of its fields.
	MarkerPath string `json:"marker_path,omitempty"`
	MarkerJSON string `json:"marker_json,omitempty"`
	// Signals are read-only queries with a threshold.
	Signals []SQLSignal `json:"signals,omitempty"`
	// KnownGood is how long the watch takes that makes a deployment proven; 0 means 30 min.
	KnownGood int64 `json:"known_good,omitempty"`
	// Watches are what is watched after every promotion, besides signals and probes.
	Watches []PromotionWatch `json:"watches,omitempty"`
	// Evidence is set when its database may be read.
	Evidence bool `json:"evidence,omitempty"`
	// Database is what may be done to it.
	Database Database `json:"database,omitzero"`
	// Supabase is the reference of the Supabase project whose health is read.
	Supabase string `json:"supabase,omitempty"`
}

// Database says what may be done to the database of an environment.
type Database struct {
	// Direct is set when there is a connection of the role that owns the tables, Prisma
	// when its migrations can be applied.
	Direct bool `json:"direct,omitempty"`
	Prisma bool `json:"prisma,omitempty"`
	// AppRoles are the roles whose rights to write read-only takes.
	AppRoles []string `json:"app_roles,omitempty"`
	// Snapshots is set when Backout takes copies, one every SnapshotEvery milliseconds;
	// 0 only when asked.
	Snapshots     bool  `json:"snapshots,omitempty"`
	SnapshotEvery int64 `json:"snapshot_every,omitempty"`
	// Checks are the ids of queries that count what is wrong.
	Checks []string `json:"checks,omitempty"`
	// AllowDataLoss lets a plan reset it, past every other guard.
	AllowDataLoss bool `json:"allow_data_loss,omitempty"`
}

// Domain is a production host name; one that redirects is proven through the
// host it leads to.
type Domain struct {
	Host        string `json:"host"`
	RedirectsTo string `json:"redirects_to,omitempty"`
}

// Probe is an HTTP check that speaks for the components it covers.
type Probe struct {
	ID           string   `json:"id"`
	Covers       []string `json:"covers,omitempty"`
	URL          string   `json:"url"`
	Status       int      `json:"status,omitempty"`
	Every        int64    `json:"every,omitempty"`
	AlsoOnTarget bool     `json:"also_on_target,omitempty"`
	// P95 is how many milliseconds 95 of 100 answers may take; it is held where several
	// are asked for at once, by watches and gates.
	P95 int64 `json:"p95,omitempty"`
	// Fails and Passes are how many readings in a row make it fire and end it.
	Fails  int `json:"fails,omitempty"`
	Passes int `json:"passes,omitempty"`
	// Severity of its signal; empty means critical.
	Severity string `json:"severity,omitempty"`
}

// Hotfix names where a fix is built and tested.
type Hotfix struct {
	Repo    string `json:"repo,omitempty"`
	Staging string `json:"staging,omitempty"`
	Tests   string `json:"tests,omitempty"`
}

// Match claims a signal for a project: every label must be equal. The first
// match of the first project in configuration order wins.
type Match struct {
	Source      string            `json:"source,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Environment string            `json:"environment,omitempty"`
	Component   string            `json:"component,omitempty"`
}

// Audience is a named set of e-mail addresses; there is no default "everyone".
type Audience struct {
	ID     string   `json:"id"`
	Emails []string `json:"emails,omitempty"`
	CSV    string   `json:"csv,omitempty"`
	Max    int      `json:"max,omitempty"`
	// SQL is a query over $from and $to, the window of an incident; DB is the
	// project/environment whose database it asks.
	SQL string `json:"sql,omitempty"`
	DB  string `json:"db,omitempty"`
}

// Policies are what people decided in advance.
type Policies struct {
	Autonomy []Autonomy `json:"autonomy,omitempty"`
	Limits   Limits     `json:"limits"`
	// AckFor is how long an acknowledgement holds back further pages.
	AckFor int64 `json:"ack_for,omitempty"`
	// PageRole is the role that is paged; a page goes to everyone who has it.
	PageRole string `json:"page_role,omitempty"`
	// Timings are the waiting times playbooks refer to as `timing.NAME`.
	Timings map[string]int64 `json:"timings,omitempty"`
}

// Autonomy says who decides about an action; the first line that matches wins.
// Action "*" matches all; When is CEL without the leading "=".
type Autonomy struct {
	Action    string   `json:"action"`
	Kind      string   `json:"kind,omitempty"`
	When      string   `json:"when,omitempty"`
	Do        string   `json:"do"`
	Veto      int64    `json:"veto,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Quorum    int      `json:"quorum,omitempty"`
	Requester string   `json:"requester,omitempty"`
	Within    int64    `json:"within,omitempty"`
	Else      string   `json:"else,omitempty"`
}

// The two values of Autonomy.Do.
const (
	DoAuto = "auto"
	DoAsk  = "ask"
)

// Limits bind the machine; a person with the role may go past all of them but
// ApprovalValid.
type Limits struct {
	SignalAge  int64 `json:"signal_age,omitempty"`
	AutoWindow int64 `json:"auto_window,omitempty"`
	// AskWindow is how long after its promotion a deployment may still be blamed by
	// a person's yes, when the signal names it and its error is new.
	AskWindow     int64 `json:"ask_window,omitempty"`
	AutoPerHour   int   `json:"auto_per_hour,omitempty"`
	ApprovalValid int64 `json:"approval_valid,omitempty"`
	MinDistinct   int   `json:"min_distinct,omitempty"`
	// ConfirmPage is how long trouble without a suspect must last, or until a
	// second source tells of it, before people are woken; negative means not at all.
	ConfirmPage int64 `json:"confirm_before_page,omitempty"`
	// SourceBudget is how many events a minute of one source are kept one by one.
	SourceBudget int `json:"source_budget,omitempty"`
}

// WithDefaults fills the limits that the configuration left out.
func (l Limits) WithDefaults() Limits {
	const minute = 60_000
	if l.SignalAge == 0 {
		l.SignalAge = 20 * minute
	}
	if l.AutoWindow == 0 {
		l.AutoWindow = 30 * minute
	}
	if l.AskWindow == 0 {
		l.AskWindow = dayMS
	}
	if l.AutoPerHour == 0 {
		l.AutoPerHour = 2
	}
	if l.ApprovalValid == 0 {
		l.ApprovalValid = 15 * minute
	}
	if l.MinDistinct == 0 {
		l.MinDistinct = 3
	}
	if l.ConfirmPage == 0 {
		l.ConfirmPage = 2 * minute
	}
	if l.SourceBudget == 0 {
		l.SourceBudget = 60_000
	}
	return l
}

// Person finds a person by id.
func (c *Config) Person(id string) (Person, bool) {
	for _, p := range c.People {
		if p.ID == id {
			return p, true
		}
	}
	return Person{}, false
}

// Project finds a project by id.
func (c *Config) Project(id string) (*Project, bool) {
	for i := range c.Projects {
		if c.Projects[i].ID == id {
			return &c.Projects[i], true
		}
	}
	return nil, false
}

// Environment finds an environment of the project by id.
func (p *Project) Environment(id string) (*Environment, bool) {
	for i := range p.Environments {
		if p.Environments[i].ID == id {
			return &p.Environments[i], true
		}
	}
	return nil, false
}

// noEnvironment says that the project has no such environment, for whoever mistyped it; ""
// when it has.
func (p *Project) noEnvironment(env string) string {
	var ids []string
	for _, e := range p.Environments {
		if e.ID == env {
			return ""
		}
		ids = append(ids, e.ID)
	}
	return "project " + p.ID + " has no environment " + strconv.Quote(env) + "; it has " + list(ids, "and")
}

// Production is the id of the project's first environment of kind production.
func (p *Project) Production() string {
	for _, e := range p.Environments {
		if e.Kind == KindProduction {
			return e.ID
		}
	}
	return ""
}

// environment finds an environment by project and id; nil when there is none.
func (c *Config) environment(project, env string) *Environment {
	if pr, ok := c.Project(project); ok {
		if e, ok := pr.Environment(env); ok {
			return e
		}
	}
	return nil
}

// HasComponent reports whether the project names this component.
func (p *Project) HasComponent(id string) bool {
	for _, c := range p.Components {
		if c.ID == id {
			return true
		}
	}
	return false
}

// HasRole reports whether the person holds one of the roles; no roles means
// that anybody known will do.
func (p Person) HasRole(roles []string) bool {
	if len(roles) == 0 {
		return true
	}
	for _, have := range p.Roles {
		if slices.Contains(roles, have) {
			return true
		}
	}
	return false
}
