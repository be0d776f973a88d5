package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// The kinds of readings: an HTTP probe, the control probes, a read-only query, the
// health of a Supabase project and whether copies of a database are taken.
const (
	ReadProbe    = "probe"
	ReadControl  = "control"
	ReadSQL      = "sql"
	ReadSupabase = "supabase"
	ReadCopies   = "copies"
)

// The verdicts of a reading. Errored means that nothing was seen that says
// anything, which is neither good nor bad.
const (
	ReadOK      = "ok"
	ReadFailed  = "failed"
	ReadErrored = "errored"
)

// Reading is what a polled source saw at At, in Unix milliseconds.
type Reading struct {
	Kind        string `json:"k"`
	ID          string `json:"id"`
	Project     string `json:"p,omitempty"`
	Environment string `json:"e,omitempty"`
	Verdict     string `json:"v"`
	Text        string `json:"text,omitempty"`
	// Value is what a query gave: an integer, or thousandths of a numeric.
	Value *int64 `json:"n,omitempty"`
	// Denied is set with ReadErrored when a person must put a credential right.
	Denied bool `json:"denied,omitempty"`
	// Blind is set with ReadErrored when the control probes failed at the same time.
	Blind bool  `json:"blind,omitempty"`
	At    int64 `json:"at"`
}

// Equal readings are an entry only every so often, in milliseconds; so many errored
// ones in a row are a finding.
const (
	summaryEvery  = 10 * 60_000
	erroredAtMost = 3
	controlFails  = 2
	controlFresh  = 3 * summaryEvery
)

// Watch is what is known of one polled source, counted from its readings. Fails,
// Passes and Errs are how many in a row; times are Unix milliseconds.
type Watch struct {
	Kind        string `json:"k"`
	ID          string `json:"id"`
	Project     string `json:"p,omitempty"`
	Environment string `json:"e,omitempty"`
	Verdict     string `json:"v"`
	Text        string `json:"text,omitempty"`
	Value       *int64 `json:"n,omitempty"`
	// At is the newest reading in the log, Since the first with this verdict.
	At     int64 `json:"at"`
	Since  int64 `json:"since"`
	Fails  int   `json:"fails,omitempty"`
	Passes int   `json:"passes,omitempty"`
	Errs   int   `json:"errs,omitempty"`
	// FirstFail is when the failures in a row began; Firing is set while their signal
	// fires, which began at Began.
	FirstFail int64 `json:"first,omitempty"`
	Firing    bool  `json:"firing,omitempty"`
	Began     int64 `json:"began,omitempty"`
	// Found is set while there is a finding that it cannot see.
	Found bool `json:"found,omitempty"`
}

// Name is kind/project/environment/id.
func (w *Watch) Name() string { return watchName(w.Kind, w.Project, w.Environment, w.ID) }

func watchName(kind, project, env, id string) string {
	parts := slices.DeleteFunc([]string{kind, project, env, id}, func(s string) bool { return s == "" })
	return strings.Join(parts, "/")
}

func (r *Reading) key() []byte { return joinKey("read", r.Kind, r.Project, r.Environment, r.ID) }

// foldWatch takes in what a polled source said.
func (p *pass) foldWatch(r *Record) {
	switch {
	case !p.v2():
		p.unknownKind()
	case r.Upstream != nil:
		p.foldUpstream(r.Upstream)
	default:
		p.foldReading(r.Reading)
	}
}

// foldReading counts a reading and says what follows from the count.
func (p *pass) foldReading(r *Reading) {
	spec, ok := p.s.Config().watchSpec(r)
	if !ok {
		return // of another configuration
	}
	p.heard(watchName(r.Kind, r.Project, r.Environment, r.ID), "")
	w := Watch{Kind: r.Kind, ID: r.ID, Project: r.Project, Environment: r.Environment}
	p.s.load(BucketWatch, r.key(), &w)
	j := p.judge(p.s, r, spec, p.now)
	w.count(r, j, p.now)
	p.cannotSee(&w, r, j)
	switch {
	case w.Kind == ReadControl:
		p.controlled(&w)
	case !w.Firing && w.Fails >= spec.fails:
		w.Firing, w.Began = true, w.FirstFail
		p.speak(&w, spec, AlertFiring)
	case w.Firing && w.Passes >= spec.passes:
		w.Firing = false
		p.speak(&w, spec, AlertResolved)
	}
	p.s.save(BucketWatch, r.key(), &w)
}

// judgement is what a reading means.
type judgement struct {
	verdict, text string
	// blind is set when Backout itself is cut off, so that the reading says nothing.
	blind bool
}

// judge says what a reading means: a query's value is held against its threshold,
// and no failure is believed while the control probes fail too.
func (f *Fold) judge(s *State, r *Reading, spec watchSpec, now int64) judgement {
	j := judgement{verdict: r.Verdict, text: clip(r.Text, 300)}
	if j.verdict != ReadOK && j.verdict != ReadFailed {
		j.verdict = ReadErrored
	}
	if r.Kind != ReadControl && j.verdict != ReadOK && (r.Blind || s.cutOff(now)) {
		return judgement{verdict: ReadErrored, text: "Backout itself is cut off: its control probes fail", blind: true}
	}
	if spec.fire != "" && j.verdict == ReadOK {
		return f.held(r, spec.fire)
	}
	return j
}

// held holds the value of a query against its threshold.
func (f *Fold) held(r *Reading, fire string) judgement {
	if r.Value == nil {
		return judgement{verdict: ReadErrored, text: "it gave no value"}
	}
	value := "value " + strconv.FormatInt(*r.Value, 10)
	v, err := f.rules.Eval(fire, map[string]any{"value": *r.Value})
	switch {
	case err != nil:
		return judgement{verdict: ReadErrored, text: clip(value+": "+err.Error(), 300)}
	case v == true:
		return judgement{verdict: ReadFailed, text: clip(value+", and "+fire, 300)}
	case v == false:
		return judgement{verdict: ReadOK, text: value}
	}
	return judgement{verdict: ReadErrored, text: value + ": the threshold is neither true nor false"}
}

// count adds a reading. What was not seen breaks a row of failures as well as one of
// passes, but is not one more error while Backout itself is the blind one.
func (w *Watch) count(r *Reading, j judgement, now int64) {
	if w.Verdict != j.verdict {
		w.Since = now
	}
	w.Verdict, w.Text, w.Value, w.At = j.verdict, j.text, r.Value, now
	switch j.verdict {
	case ReadOK:
		w.Passes, w.Fails, w.Errs = w.Passes+1, 0, 0
	case ReadFailed:
		if w.Fails == 0 {
			w.FirstFail = now
			if r.At > 0 && r.At < now {
				w.FirstFail = r.At
			}
		}
		w.Fails, w.Passes, w.Errs = w.Fails+1, 0, 0
	default:
		w.Fails, w.Passes = 0, 0
		if !j.blind {
			w.Errs++
		}
	}
}

// cannotSee makes a finding of a source that cannot see, and takes it back.
func (p *pass) cannotSee(w *Watch, r *Reading, j judgement) {
	f := &Finding{Kind: FindErrored, Key: w.Name()}
	switch {
	case j.verdict != ReadErrored && w.Found:
		w.Found = false
		p.findingGone(f)
	case j.verdict == ReadErrored && !j.blind && !w.Found && (w.Errs >= erroredAtMost || r.Denied):
		w.Found = true
		f.Text = w.Name() + " cannot see: " + j.text + ". What it watches may be well or not; nothing is raised from it until it sees again"
		if w.Kind == ReadCopies {
			f.Text = "no copy of the database of " + w.Project + "/" + w.Environment + " could be taken and verified: " + j.text + ". Until one is, the newest restore point only gets older"
		}
		p.finding(f)
	}
}

// controlled says that Backout itself is cut off, or no longer.
func (p *pass) controlled(w *Watch) {
	f := &Finding{Kind: FindBlind, Key: ReadControl}
	switch {
	case !w.Firing && w.Fails >= controlFails:
		w.Firing, w.Began = true, w.FirstFail
		f.Text = "Backout itself is cut off since " + clock(w.Began) + ": " + w.Text + ". No failure of a probe is believed until a control probe passes again; look at this machine's network and name service"
		p.finding(f)
	case w.Firing && w.Verdict == ReadOK:
		w.Firing = false
		p.findingGone(f)
	}
}

// cutOff reports whether the control probes failed when they were last asked.
func (s *State) cutOff(now int64) bool {
	if len(s.Config().ControlProbes) == 0 {
		return false
	}
	var w Watch
	r := Reading{Kind: ReadControl, ID: ReadControl}
	return s.load(BucketWatch, r.key(), &w) && w.Verdict == ReadFailed && now-w.At < controlFresh
}

// speak makes a signal of a watch, by the same road as an event from outside.
func (p *pass) speak(w *Watch, spec watchSpec, typ string) {
	ev := &Event{
		Origin: "poll/" + w.Kind, Type: typ, Source: w.Kind, Time: p.now, StartsAt: w.Began,
		ID:      w.Name() + "/" + strconv.FormatInt(w.Began, 10) + "/" + typ,
		Project: w.Project, Environment: w.Environment, Fingerprint: w.Kind + "/" + w.ID,
		Name: w.Kind + " " + w.ID, Severity: spec.severity, Summary: w.Text,
	}
	covers(ev, spec.covers)
	if w.Value != nil {
		ev.Value = strconv.FormatInt(*w.Value, 10)
	}
	p.s.meta.Events++
	p.takeEvent(ev)
}

// covers says which components a signal of our own is about.
func covers(ev *Event, components []string) {
	switch {
	case len(components) == 1:
		ev.Component = components[0]
	case len(components) > 1:
		ev.Labels = map[string]string{"covers": strings.Join(components, ",")}
	}
}

// Watches lists what is known of the polled sources, by name.
func (s *State) Watches() []Watch {
	var out []Watch
	s.view.Scan(BucketWatch, joinKey("read", ""), nil, func(_, v []byte) bool {
		var w Watch
		if decode(v, &w) {
			out = append(out, w)
		}
		return true
	})
	return out
}
