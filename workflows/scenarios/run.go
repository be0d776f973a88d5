package scenarios

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Runner plays scenarios. Its functions are those of the running program, so that a
// scenario goes the road that an event goes. For use by one goroutine.
type Runner struct {
	// Rules evaluates expressions.
	Rules orchestrator.Rules
	// Config is what a scenario runs with; Docs are the rules and playbooks.
	Config orchestrator.Config
	Docs   []orchestrator.Doc
	// Decode reads a CloudEvent that came in by origin.
	Decode func(origin string, body []byte, unsigned bool) ([]orchestrator.Record, error)
	// Words reads what a person says.
	Words func(words string, now time.Time) (orchestrator.Command, error)
}

// Played is a scenario that was played.
type Played struct {
	*orchestrator.Rehearsal
	// Wrong is what was not as expected, a line each.
	Wrong []string
}

// Run plays a scenario to its end. The error is a fault of the file; what did not
// come out as expected is in Wrong.
func (r *Runner) Run(s *Scenario) (*Played, error) {
	start, err := time.Parse(time.RFC3339, s.Start)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: start: %w", s.File, err)
	}
	cfg, err := r.configured(s)
	if err != nil {
		return nil, err
	}
	re, err := orchestrator.NewRehearsal(r.Rules, start.UnixMilli(), append([]orchestrator.Doc{cfg}, r.Docs...)...)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.File, err)
	}
	re.Silent, re.Target = s.Silent, s.Target
	p := &Played{Rehearsal: re}
	for i := range s.Steps {
		at := fmt.Sprintf("step %d (%s)", i+1, s.Steps[i].At)
		if err := r.moment(p, &s.Steps[i], i, start); err != nil {
			return nil, fmt.Errorf("scenario %s, %s: %w", s.File, at, err)
		}
		if e := s.Steps[i].Expect; e != nil {
			p.compare(at, e)
		}
	}
	p.compare("at the end", &s.Expect)
	return p, nil
}

// configured is the configuration with what the scenario replaces.
func (r *Runner) configured(s *Scenario) (orchestrator.Doc, error) {
	cfg := r.Config
	if s.Mode != "" {
		cfg.Mode = orchestrator.Mode(s.Mode)
	}
	if len(s.Modes) > 0 {
		cfg.Projects = slices.Clone(cfg.Projects)
		cfg.Projects[0].Modes = map[string]orchestrator.Mode{}
		for action, mode := range s.Modes {
			cfg.Projects[0].Modes[action] = orchestrator.Mode(mode)
		}
	}
	if s.Confirm != "" {
		d, err := time.ParseDuration(s.Confirm)
		if err != nil {
			return orchestrator.Doc{}, fmt.Errorf("scenario %s: confirm_before_page: %w", s.File, err)
		}
		if cfg.Policies.Limits.ConfirmPage = d.Milliseconds(); d == 0 {
			cfg.Policies.Limits.ConfirmPage = -1
		}
	}
	body, err := json.Marshal(&cfg)
	if err != nil {
		return orchestrator.Doc{}, fmt.Errorf("scenario %s: %w", s.File, err)
	}
	return orchestrator.Doc{Kind: orchestrator.DocConfig, Hash: "scenario", Body: body}, nil
}

// moment lets time pass and does what happens then.
func (r *Runner) moment(p *Played, m *Moment, i int, start time.Time) error {
	at, err := time.ParseDuration(m.At)
	if err != nil {
		return fmt.Errorf("at: %q is not a time like 90s or 2h5m", m.At)
	}
	if err := p.Until(start.Add(at).UnixMilli()); err != nil {
		return err
	}
	now := time.UnixMilli(p.Now()).UTC()
	for typ, told := range m.told() {
		if told == nil {
			continue
		}
		records, err := r.event(typ, told, i, now)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if rec.Bad != nil {
				return fmt.Errorf("the event cannot be read: %s", rec.Bad.Reason)
			}
			if _, err := p.Take(rec); err != nil {
				return err
			}
		}
	}
	if m.Upstream != nil {
		if _, err := p.Take(m.Upstream.record(p.Now())); err != nil {
			return err
		}
	}
	if err := p.migrations(m); err != nil {
		return err
	}
	if m.Reading != nil {
		if err := p.read(m.Reading); err != nil {
			return err
		}
	}
	if m.Answer != nil {
		return p.answers(m.Answer)
	}
	if m.Say != "" {
		return r.say(p, m, i, now)
	}
	return nil
}

// answers lets a read find something else from now on.
func (p *Played) answers(a *AnswerTold) error {
	name := a.Uses
	if a.Watch != "" {
		name = "watch/" + a.Watch
	}
	if name == "" {
		return errors.New("answer: say whose, as uses: ACTION or watch: ID")
	}
	turns := a.Turns
	if len(turns) == 0 {
		turns = []Found{a.Found}
	}
	var all []orchestrator.Measured
	for _, t := range turns {
		out, err := json.Marshal(t.Out)
		if err != nil {
			return fmt.Errorf("encoding the answer: %w", err)
		}
		all = append(all, orchestrator.Measured{Data: out, NoData: t.NoData != "", Text: t.NoData, Error: t.Error})
	}
	if p.Answers == nil {
		p.Answers = map[string][]orchestrator.Measured{}
	}
	p.Answers[name] = all
	return nil
}

func (u *UpstreamTold) record(now int64) orchestrator.Record {
	return orchestrator.Record{Upstream: &orchestrator.Upstream{
		ID: u.ID, Indicator: u.Indicator, Text: u.Text, Link: u.Link, Affected: u.Affected, Error: u.Error, At: now,
	}}
}

// read takes a reading in, as often as it says.
func (p *Played) migrations(m *Moment) error {
	if c := m.Commit; c != nil {
		if _, err := p.Take(orchestrator.Record{Migrations: &orchestrator.CommitMigrations{Project: c.Project, Commit: c.Commit, Names: c.Migrations, All: len(c.Migrations)}}); err != nil {
			return err
		}
	}
	if c := m.Class; c != nil {
		if _, err := p.Take(orchestrator.Record{Class: c.class()}); err != nil {
			return err
		}
	}
	if s := m.Schema; s != nil {
		if _, err := p.Take(orchestrator.Record{Schema: s.read(p.Now())}); err != nil {
			return err
		}
	}
	if r := m.Rows; r != nil {
		if _, err := p.Take(orchestrator.Record{Rows: r.counted(p.Now())}); err != nil {
			return err
		}
	}
	return nil
}

func (s *SchemaTold) read(now int64) *orchestrator.SchemaRead {
	r := &orchestrator.SchemaRead{
		Project: s.Project, Environment: cmp.Or(s.Environment, "production"), Applied: s.Applied, All: len(s.Applied), Failed: s.Failed, Error: s.Error, At: now,
	}
	if s.Running > 0 {
		r.Lock = &orchestrator.MigrationLock{PID: s.Running}
	}
	return r
}

func (p *Played) read(t *ReadingTold) error {
	every := 30 * time.Second
	if t.Every != "" {
		var err error
		if every, err = time.ParseDuration(t.Every); err != nil {
			return fmt.Errorf("every: %q is not a time like 30s", t.Every)
		}
	}
	for i := range max(t.Times, 1) {
		if i > 0 {
			if err := p.Until(p.Now() + every.Milliseconds()); err != nil {
				return err
			}
		}
		_, err := p.Take(orchestrator.Record{Reading: &orchestrator.Reading{
			Kind: t.Kind, ID: t.ID, Project: t.Project, Environment: t.Environment, Verdict: t.Verdict, Text: t.Text, Value: t.Value, At: p.Now(),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Moment) told() map[string]Told {
	return map[string]Told{
		orchestrator.AlertFiring: m.Alert, orchestrator.AlertResolved: m.Resolved,
		orchestrator.WebhookFailed: m.Webhook, orchestrator.WebhookRecovered: m.Recovered,
		orchestrator.DeployCreated: m.Created, orchestrator.DeployFailed: m.Failed, orchestrator.DeployPromoted: m.Promoted,
		orchestrator.DeployRolledBack: m.Back, orchestrator.DeployChanged: m.Changed,
	}
}

// event makes a CloudEvent of what is told and reads it as one that arrived.
func (r *Runner) event(typ string, told Told, i int, now time.Time) ([]orchestrator.Record, error) {
	data := maps.Clone(told)
	take := func(key, otherwise string) string {
		v, ok := data[key]
		delete(data, key)
		if !ok {
			return otherwise
		}
		return fmt.Sprint(v)
	}
	source := take("source", "monitor")
	id, origin := take("id", fmt.Sprint("step", i+1)), take("origin", "http/"+source)
	unsigned := take("unsigned", "") == "true"
	late, err := time.ParseDuration(take("late", "0s"))
	if err != nil {
		return nil, fmt.Errorf("late is how long ago it was sent, such as 30s: %w", err)
	}
	now = now.Add(-late)
	when := now
	polled := take("polled", "")
	_, started := data["starts_at"]
	if polled != "" || typ == orchestrator.AlertFiring || typ == orchestrator.AlertResolved && started {
		starts, err := startsAt(take("starts_at", "0s"), now)
		if err != nil {
			return nil, err
		}
		switch {
		case starts.IsZero():
			when = starts
		case polled != "":
			when = starts // a webhook has no time but that of its event
		default:
			data["starts_at"] = starts.Format(time.RFC3339Nano)
		}
	}
	if seen, ok := data["first_seen"]; ok {
		first, err := startsAt(fmt.Sprint(seen), now)
		if err != nil {
			return nil, err
		}
		data["first_seen"] = first.Format(time.RFC3339Nano)
	}
	envelope := map[string]any{"specversion": "1.0", "id": id, "source": source, "type": typ, "data": data}
	if !when.IsZero() {
		envelope["time"] = when.Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		return nil, fmt.Errorf("encoding the event: %w", err)
	}
	records, err := r.Decode(origin, body, unsigned)
	if polled != "" {
		found(records, polled)
	}
	return records, err
}

// found makes what arrived what a poll of the provider would have found: one event whose
// webhook is missing, or arrived after all.
func found(records []orchestrator.Record, name string) {
	for _, r := range records {
		if ev := r.Event; ev != nil {
			ev.Fingerprint, ev.Name, ev.Single = "missed/"+name, "no webhook", ev.Type == orchestrator.WebhookFailed
			if !ev.Single {
				ev.Name = "it arrived after all"
			}
		}
	}
}

// startsAt reads a time before now, such as -20m; none is the zero time.
func startsAt(text string, now time.Time) (time.Time, error) {
	if text == "none" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time like -20m, and not none", text)
	}
	return now.Add(d), nil
}

// say lets a person speak.
func (r *Runner) say(p *Played, m *Moment, i int, now time.Time) error {
	who, words, ok := strings.Cut(m.Say, ":")
	if !ok {
		return errors.New("say: write who says what, such as `ann: ack INC-1`")
	}
	c, err := r.Words(strings.TrimSpace(words), now)
	if err != nil {
		return err
	}
	c.ID, c.Via, c.Person = fmt.Sprint("say", i), "cli", strings.TrimSpace(who)
	folded, err := p.Take(orchestrator.Record{Command: &c})
	if err != nil {
		return err
	}
	for _, reply := range folded.Replies {
		switch {
		case !reply.OK && m.Refused == "":
			p.wrong("`%s` was refused: %s", m.Say, reply.Text)
		case m.Refused != "" && (reply.OK || !strings.Contains(reply.Text, m.Refused)):
			p.wrong("`%s` should be refused with %q, the answer was: %s", m.Say, m.Refused, reply.Text)
		}
	}
	return nil
}
