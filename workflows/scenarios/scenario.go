package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed *.yaml
var embedded embed.FS

// WorldFile is the configuration that the scenarios of a folder run with, unless
// another one is given. It is a backout.yaml.
const WorldFile = "world.yaml"

// Embedded are the scenarios that come with Backout.
func Embedded() fs.FS { return embedded }

// Scenario is one file.
type Scenario struct {
	// File is where it stands.
	File  string `yaml:"-"`
	Title string `yaml:"scenario"`
	// Start is when it begins, RFC 3339; 2026-11-23T04:00:00Z when left out.
	Start string `yaml:"start"`
	// Mode replaces that of the configuration: shadow, advise or live.
	Mode string `yaml:"mode"`
	// Modes narrows the mode for single actions of the first project.
	Modes map[string]string `yaml:"modes"`
	// Confirm replaces policies.limits.confirm_before_page, such as 2m or 0s.
	Confirm string `yaml:"confirm_before_page"`
	// Target is what the probes find on the own address of the deployment to go back
	// to: good (when left out), bad, unknown or blind.
	Target string `yaml:"target"`
	// Silent is set when probes and other polled sources say nothing but what stands
	// here; otherwise they are taken to be well all the time.
	Silent bool     `yaml:"silent"`
	Steps  []Moment `yaml:"steps"`
	Expect Expect   `yaml:"expect"`
}

// Moment is what happens at one time. Exactly one thing happens; expect is compared
// after it.
type Moment struct {
	// At is how long after the start, such as 90s or 2h5m.
	At string `yaml:"at"`

	Alert     Told `yaml:"alert"`
	Resolved  Told `yaml:"resolved"`
	Webhook   Told `yaml:"webhook"`
	Recovered Told `yaml:"recovered"`
	Created   Told `yaml:"created"`
	Failed    Told `yaml:"failed"`
	Promoted  Told `yaml:"promoted"`
	Back      Told `yaml:"rolledback"`
	Changed   Told `yaml:"changed"`

	// Upstream is what a provider's status page says; Reading what Backout's own
	// probes and queries find: kind (probe, control, sql, supabase), id, project,
	// environment, verdict (ok, failed, errored), value, text.
	Upstream *UpstreamTold `yaml:"upstream"`
	Reading  *ReadingTold  `yaml:"reading"`

	// Commit tells which migrations a commit holds; Schema which of them the database
	// of an environment has, which did not end, and the process that migrates now.
	// Class says what a migration does to the code from before it, Rows what its queries
	// counted.
	Commit *CommitTold `yaml:"commit"`
	Schema *SchemaTold `yaml:"schema"`
	Class  *ClassTold  `yaml:"class"`
	Rows   *RowsTold   `yaml:"rows"`

	// Answer is what a read finds from then on, other than that all is well.
	Answer *AnswerTold `yaml:"answer"`

	// Say is who says what, as in chat: "ann: snooze INC-1 4h".
	Say string `yaml:"say"`
	// Refused is set when what is said must be refused; it is part of the answer.
	Refused string `yaml:"refused"`

	Expect *Expect `yaml:"expect"`
}

// Told are the fields of an event's data. Beside those of the contract: source (who
// says it), id, origin (where it came in, http/SOURCE when left out), unsigned, and
// starts_at as a time before now such as -20m, or none, and late as how long it was on its way. A webhook with polled is what a
// poll of its provider found missing, the event of that name and of starts_at.
type Told map[string]any

// UpstreamTold is a reading of a status page.
type UpstreamTold struct {
	ID        string   `yaml:"id"`
	Indicator string   `yaml:"indicator"`
	Text      string   `yaml:"text"`
	Link      string   `yaml:"link"`
	Affected  []string `yaml:"affected"`
	Error     string   `yaml:"error"`
}

// CommitTold is what the repository says of a commit.
type CommitTold struct {
	Project    string   `yaml:"project"`
	Commit     string   `yaml:"commit"`
	Migrations []string `yaml:"migrations"`
}

// SchemaTold is a reading of the table of migrations.
type SchemaTold struct {
	Project     string   `yaml:"project"`
	Environment string   `yaml:"environment"` // production when left out
	Applied     []string `yaml:"applied"`
	Failed      []string `yaml:"failed"`
	Running     int      `yaml:"running"` // the process that holds the lock
	Error       string   `yaml:"error"`
}

// ReadingTold is a reading of a probe or query; Times is how often it comes in a row,
// each Every apart.
type ReadingTold struct {
	Kind        string `yaml:"kind"`
	ID          string `yaml:"id"`
	Project     string `yaml:"project"`
	Environment string `yaml:"environment"`
	Verdict     string `yaml:"verdict"`
	Text        string `yaml:"text"`
	Value       *int64 `yaml:"value"`
	Times       int    `yaml:"times"`
	Every       string `yaml:"every"`
}

// AnswerTold is what one read finds: an action such as probe.http where a gate uses it, or
// a watch by its id. With Turns it finds one after another, and begins again.
type AnswerTold struct {
	Uses  string `yaml:"uses"`
	Watch string `yaml:"watch"`
	Found `yaml:",inline"`
	Turns []Found `yaml:"turns"`
}

// Found is what a read gives: Out, or that it has no data, or that it cannot be read.
type Found struct {
	Out    map[string]any `yaml:"out"`
	NoData string         `yaml:"no_data"`
	Error  string         `yaml:"error"`
}

// Expect is what must be so. What is left out is not compared.
type Expect struct {
	Incidents []Incident `yaml:"incidents"`
	// Pages is how many pages people got, Effects the actions that changed
	// something, in order.
	Pages   *int      `yaml:"pages"`
	Effects *[]string `yaml:"effects"`
	// Why is what must stand in the reason of an event, by its id.
	Why map[string]string `yaml:"why"`
	// Held is how many signals are held back; Quarantined how many events are in
	// quarantine.
	Held        *int `yaml:"held"`
	Quarantined *int `yaml:"quarantined"`
	// Shadow are parts of what Backout would have done, in order; all must be named.
	// Missed counts what people did by hand that it would not have done, and Figures
	// is what stands for all actions, such as "vercel.rollback 1 right, 0 wrong".
	Shadow  *[]string `yaml:"shadow"`
	Missed  *int      `yaml:"missed"`
	Figures string    `yaml:"figures"`
	// Watches are the states of the newest watches, by PROJECT/ID, and Proven whether a
	// deployment is, by PROJECT/DEPLOYMENT; both of production.
	Watches map[string]string `yaml:"watches"`
	Proven  map[string]bool   `yaml:"proven"`
	// Findings are the kinds of what Backout finds wrong with itself.
	Findings *[]string `yaml:"findings"`
}

// Incident is what must be so of one incident; the n-th of the list is INC-n. The
// list must name all.
type Incident struct {
	Project   string `yaml:"project"`
	State     string `yaml:"state"`
	Severity  string `yaml:"severity"`
	Component string `yaml:"component"`
	// Playbook is the one that leads, "none" for no one yet.
	Playbook string `yaml:"playbook"`
	// Suspect is the deployment blamed, or none.
	Suspect string `yaml:"suspect"`
	// Score is from-to in parts of 1000, such as 800-1000.
	Score string `yaml:"score"`
	// Reasons and Timeline are texts that must stand there, Never ones that must not
	// stand in the timeline.
	Reasons  Texts `yaml:"reasons"`
	Timeline Texts `yaml:"timeline"`
	Never    Texts `yaml:"never"`
	Pages    *int  `yaml:"pages"`
	Firing   *int  `yaml:"firing"`
	Signals  *int  `yaml:"signals"`
	// Also are the other projects of it, Upstream what they have in common.
	Also     []string `yaml:"also"`
	Upstream string   `yaml:"upstream"`
	// Waits are the steps that wait for people.
	Waits []string `yaml:"waits"`
}

// Texts is one text or several.
type Texts []string

// UnmarshalYAML reads a text or a list of texts.
func (t *Texts) UnmarshalYAML(b []byte) error {
	var one string
	if yaml.Unmarshal(b, &one) == nil {
		*t = Texts{one}
		return nil
	}
	var all []string
	if err := yaml.Unmarshal(b, &all); err != nil {
		return err
	}
	*t = all
	return nil
}

const startsAlone = "2026-11-23T04:00:00Z"

// Load reads the scenarios at the top of a folder, by name. A file that begins with
// the key scenario is one; others are left alone.
func Load(folder fs.FS) ([]Scenario, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing scenarios: %w", err)
	}
	slices.Sort(names)
	var out []Scenario
	for _, name := range names {
		if path.Base(name) == WorldFile {
			continue
		}
		src, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("reading the scenario %s: %w", name, err)
		}
		s, err := Parse(name, src)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no scenario here; one is a file NAME.yaml that begins with `scenario: TITLE`")
	}
	return out, nil
}

// Parse reads one scenario. The error has file, line and column.
func Parse(file string, src []byte) (Scenario, error) {
	s := Scenario{File: file}
	if err := yaml.UnmarshalWithOptions(src, &s, yaml.Strict()); err != nil {
		return s, fmt.Errorf("reading the scenario %s: %s", file, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if s.Start == "" {
		s.Start = startsAlone
	}
	if _, err := time.Parse(time.RFC3339, s.Start); err != nil {
		return s, fmt.Errorf("scenario %s: start: %q is not a time like %s", file, s.Start, startsAlone)
	}
	if s.Title == "" {
		return s, fmt.Errorf("scenario %s has no title; begin it with `scenario: what it shows`", file)
	}
	return s, nil
}
