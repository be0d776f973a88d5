package configs

import "time"

// Config is one backout.yaml with its people. Make it with Load or Parse, which
// fill defaults and check it; call Resolve before using a Secret. It is not
// changed afterwards, except by flags of the command line before Validate is
// called again, and is then safe to read from several goroutines.
type Config struct {
	Version  int      `yaml:"version"`
	Instance Instance `yaml:"instance"`
	NATS     NATS     `yaml:"nats"`
	// Mode is shadow, advise or live; a project may have its own.
	Mode       string     `yaml:"mode"`
	Providers  Providers  `yaml:"providers"`
	Hooks      Hooks      `yaml:"hooks"`
	People     []Person   `yaml:"people"`
	PeopleFile string     `yaml:"people_file"`
	Projects   []Project  `yaml:"projects"`
	Audiences  []Audience `yaml:"audiences"`
	// Upstreams are the providers whose status pages are read.
	Upstreams []Upstream `yaml:"upstreams"`
	Policies  Policies   `yaml:"policies"`
	// Silences are maintenance windows: what they cover opens and pages nothing.
	Silences []Silence `yaml:"silences"`
	// HeartbeatOut tells somebody else that this Backout works; nil for nobody.
	HeartbeatOut *HeartbeatOut `yaml:"heartbeat_out"`

	// Warnings is what is legal but will hurt one night; Validate fills it.
	Warnings Problems `yaml:"-"`

	source source
}

// Instance says where this Backout listens and keeps its data.
type Instance struct {
	// PublicURL is the address that webhooks and the status page are reached at.
	PublicURL string `yaml:"public_url"`
	// Listen and AdminListen are HOST:PORT.
	Listen      string `yaml:"listen"`
	AdminListen string `yaml:"admin_listen"`
	// Data is the folder of the log and the store, relative to the working directory.
	Data string `yaml:"data"`
	// Snapshots is the folder of periodic copies of the state, by default one in
	// Data; SnapshotEvery is how often one is made, at least a minute.
	Snapshots     string   `yaml:"snapshots"`
	SnapshotEvery Duration `yaml:"snapshot_every"`
	// Timezone is an IANA name; times shown to people are in it.
	Timezone string `yaml:"timezone"`
	// Digest is when the ops channel is told of the last day, as 09:00 in Timezone, or none.
	Digest string `yaml:"digest"`
	// ControlProbes are addresses of unrelated hosts; when all of them fail, Backout
	// itself is cut off and believes no failure of a probe.
	ControlProbes []string `yaml:"control_probes"`
}

// NATS says where publishers connect (Listen, "off" for nowhere) or which
// external server to use (URL, several of a cluster joined by commas, with User and
// Password, or Creds). Replicas is how many servers keep the log: 0 means 3 on a
// cluster and 1 on a single server.
type NATS struct {
	Listen   string `yaml:"listen"`
	URL      string `yaml:"url"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	Creds    Secret `yaml:"creds"`
	Replicas int    `yaml:"replicas"`
	// MaxLog is how many bytes the log may take; from nine tenths of it on new
	// signals are refused. The inbox may take a quarter of it, at least 64 MiB.
	MaxLog Size `yaml:"max_log"`
}

// HeartbeatOut is an address that is fetched every so often while everything works
// on which the pages of people rest; a service outside pages them when it stops.
type HeartbeatOut struct {
	URL          Secret    `yaml:"url"`
	Every        Duration  `yaml:"every"`
	AllowPrivate []Network `yaml:"allow_private"`
}

// Person is somebody who may be paged or may approve. ID, email and Slack id are
// unique, because commands are attributed by them.
type Person struct {
	ID    string   `yaml:"id"`
	Name  string   `yaml:"name"`
	Email string   `yaml:"email"`
	Slack string   `yaml:"slack"`
	Lang  []string `yaml:"lang"`
	Roles []string `yaml:"roles"`
}

// Project is one product; its id is the last token of its NATS subjects.
type Project struct {
	ID            string `yaml:"id"`
	VercelProject string `yaml:"vercel_project"`
	Mode          string `yaml:"mode"`
	// Modes narrows Mode for single actions; "*" speaks for those not named. None may
	// be looser than Mode.
	Modes        map[string]string `yaml:"modes"`
	DependsOn    []string          `yaml:"depends_on"`
	Components   []Component       `yaml:"components"`
	Environments []Environment     `yaml:"environments"`
	Hotfix       Hotfix            `yaml:"hotfix"`
	// ReleaseTag says how a release tag of a monitor holds the commit, as
	// `shop@*+{commit}`; * stands for anything.
	ReleaseTag string `yaml:"release_tag"`
	// Repository is owner/name at GitHub, whose news are about this project.
	Repository string  `yaml:"repository"`
	Match      []Match `yaml:"match"`
	// Audience is who the project's notices go to; there is no default "everyone".
	Audience string `yaml:"audience"`
	// Affected is the audience of those whom an incident touched: one with sql.
	Affected string `yaml:"affected"`
	// Maintenance is the component whose switch takes the whole site off: while it is off
	// everybody gets a maintenance page. Empty when there is none.
	Maintenance string `yaml:"maintenance"`
}

// Component is a part that users would name as broken.
type Component struct {
	ID string `yaml:"id"`
	// Title is what users call it, by language.
	Title map[string]string `yaml:"title"`
	// Upstream is the provider it stands on, one of the project's depends_on.
	Upstream string `yaml:"upstream"`
	// Switch switches it off without a deployment; nil when nothing does.
	Switch *Switch `yaml:"switch"`
}

// Environment is a place deployments serve from; its id is its key in the file.
type Environment struct {
	ID string `from:"key"`
	// Kind is production, staging or disposable. Guards hang on it, never on the id.
	Kind        string      `yaml:"kind"`
	Domains     []Domain    `yaml:"domains"`
	KnownGood   KnownGood   `yaml:"known_good"`
	BuildMarker BuildMarker `yaml:"build_marker"`
	Probes      []Probe     `yaml:"probes"`
	// GitHub is what GitHub calls this environment; its id when left out.
	GitHub   string   `yaml:"github"`
	Database Database `yaml:"database"`
	// Signals are read-only queries of the database that fire by their value.
	Signals []SQLSignal `yaml:"signals"`
	// Watches are what is watched after every promotion, besides the watch of signals and
	// probes that every environment of kind production has.
	Watches []Watch `yaml:"watches"`
}

// Domain is a host that serves the environment: written as a plain host, or with
// the host it redirects to, through which it is then proven.
type Domain struct {
	Host        string `yaml:"host"`
	RedirectsTo string `yaml:"redirects_to"`
}

func (d *Domain) setShort(text string) { d.Host = text }

// KnownGood says when a deployment counts as a good target: it passed what is watched for
// Watch after its promotion (0 means 30m), or it served OrServed without an incident.
type KnownGood struct {
	Watch    Duration `yaml:"watch"`
	OrServed Duration `yaml:"or_served"`
}

// BuildMarker names a path that answers JSON, and the field with the deployment id.
type BuildMarker struct {
	Path string `yaml:"path"`
	JSON string `yaml:"json"`
}

// Probe is an HTTP check that speaks for the components it covers.
type Probe struct {
	ID     string   `yaml:"id"`
	Covers []string `yaml:"covers"`
	Get    string   `yaml:"get"`
	Expect Expect   `yaml:"expect"`
	Every  Duration `yaml:"every"`
	// Fails and Passes are how many readings in a row make it fire and end it; 0 means
	// 3 and 2. Severity is that of its signal, critical when empty.
	Fails    int    `yaml:"fails"`
	Passes   int    `yaml:"passes"`
	Severity string `yaml:"severity"`
	// AlsoOnTarget runs the probe on the rollback target's own URL too, before going back.
	AlsoOnTarget bool `yaml:"also_on_target"`
}

// Expect is what a healthy answer looks like; Status 0 means any 2xx. P95 is how long 95
// of 100 answers may take; it is held by watches and gates that ask for several.
type Expect struct {
	Status int      `yaml:"status"`
	P95    Duration `yaml:"p95"`
}

// Hotfix names the workflows that build and test a fix, in Repo (owner/name).
type Hotfix struct {
	Repo    string `yaml:"repo"`
	Staging string `yaml:"staging"`
	Tests   string `yaml:"tests"`
}

// Match claims a signal for its project when every label is equal; Source narrows
// it to one hook. The first match in the order of the file wins.
type Match struct {
	Source      string            `yaml:"source"`
	Labels      map[string]string `yaml:"labels"`
	Environment string            `yaml:"environment"`
	Component   string            `yaml:"component"`
}

// Audience is a named list of e-mail addresses: written out, a CSV file with a header
// line that has a column email, or a query of a database whose columns are email, name
// and lang. Max refuses a list that grew.
type Audience struct {
	ID     string   `from:"key"`
	Emails []string `yaml:"emails"`
	CSV    string   `yaml:"csv"`
	Max    int      `yaml:"max"`
	// SQL may name $from and $to, the window of the incident; DB is project/environment.
	SQL string `yaml:"sql"`
	DB  string `yaml:"db"`
}

// defaults is the Config before the file is read.
func defaults() *Config {
	return &Config{
		Mode: "advise",
		Instance: Instance{
			Listen:      "127.0.0.1:8090",
			AdminListen: "127.0.0.1:8080",
			Data:        "backout-data",
			Timezone:    "UTC",
			Digest:      "09:00",

			SnapshotEvery: Duration(time.Hour),
		},
		NATS: NATS{Listen: "127.0.0.1:4222", MaxLog: 4 << 30},
		Policies: Policies{
			Ack:     Ack{Expires: Duration(30 * time.Minute)},
			Page:    Page{Role: "on-call"},
			Timings: defaultTimings(),
		},
	}
}
