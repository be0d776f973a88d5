package orchestrator

import (
	"bytes"
	"strconv"
)

// matchedWithin is how long after Backout would have acted a change made by people
// still counts as their answer to the same trouble. Milliseconds.
const matchedWithin = 2 * hourMS

// judgeTimer is when what would have been done is looked at once more: the end of
// the veto time.
const judgeTimer = "shadow"

// What the records of BucketShadow are, the first byte of their keys.
const (
	shadowEntry  = 'e'
	shadowMissed = 'm'
	shadowSwitch = 's'
)

func shadowKey(kind byte, r StepRef) []byte { return append([]byte{kind}, stepKey(r)...) }

// WouldHave is something Backout would have done, were it allowed to: in mode shadow
// every effect, in mode advise what policy would have done alone in mode live.
type WouldHave struct {
	StepRef
	Incident    string `json:"incident"`
	Step        string `json:"step"`
	Action      string `json:"action"`
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Mode        Mode   `json:"mode"`
	// Decided is when, At when it would have acted: after the veto time. Auto is
	// false when people would have been asked at that time.
	Decided int64 `json:"decided"`
	At      int64 `json:"at"`
	Auto    bool  `json:"auto"`
	// Text is the preview; From and Target are set for changes of what serves.
	Text    string `json:"text"`
	From    string `json:"from,omitempty"`
	Target  string `json:"target,omitempty"`
	Serving bool   `json:"serving,omitempty"`
	Forward bool   `json:"forward,omitempty"`
	// Why is what was decided upon: the policy line, and all that it looked at.
	Why string `json:"why"`
	// Dropped says why it would not have acted after all at the end of the veto time.
	Dropped string `json:"dropped,omitempty"`
	// People is what was done afterwards about it, nil when nothing was seen.
	People *ByHand `json:"people,omitempty"`
	// Right is the answer of a person: right, wrong, unclear, or "".
	Right  string `json:"right,omitempty"`
	By     string `json:"by,omitempty"`
	Asked  int64  `json:"answered_at,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// ByHand is a rollback that was seen. Incident is set for one of Backout's own, which
// a person approved.
type ByHand struct {
	At       int64  `json:"at"`
	From     string `json:"from"`
	To       string `json:"to"`
	Incident string `json:"incident,omitempty"`
}

// Missed is a rollback people made by hand that Backout would not have made and did
// not ask for.
type Missed struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Action      string `json:"action"`
	Mode        Mode   `json:"mode"`
	// Incident is the one that was open there, if any.
	Incident string `json:"incident,omitempty"`
	ByHand
}

// asLive says what policy would do in mode live.
func (p *pass) asLive(l *loaded, node *Node) *Approval {
	p.pretend = true
	defer func() { p.pretend = false }()
	return p.approvalFor(l, node)
}

// wouldHave keeps what Backout would do now if it might. A step is kept once; only
// what was to be asked about may turn into what would be done alone.
func (p *pass) wouldHave(l *loaded, st *Step, node *Node) {
	mode := p.mode(l.inc, node.Action)
	if !p.v2() || !node.Spec.Effect || mode == Live || l.inc.Stopped != "" || st.Preview == nil {
		return
	}
	ap := p.asLive(l, node)
	if mode == Advise && !ap.Auto {
		return
	}
	key := shadowKey(shadowEntry, st.StepRef)
	var w WouldHave
	if p.s.load(BucketShadow, key, &w) && (w.Auto || !ap.Auto || w.Right != "") {
		return
	}
	w = WouldHave{
		StepRef: st.StepRef, Incident: IncidentName(l.inc.N), Step: st.ID, Action: node.Action, Project: l.inc.Project, Environment: l.inc.Environment,
		Mode: mode, Decided: p.now, At: p.now, Auto: ap.Auto, Text: clip(st.Preview.Text, 300), Serving: node.Spec.Serving, Forward: node.Spec.Forward,
		Why: clip(ap.Rule+"; "+p.inputsOf(l, node), 900),
	}
	var in struct {
		Expect string `json:"expect_serving"`
		Target string `json:"target"`
		Commit string `json:"commit"`
	}
	if node.Spec.Serving && decode(st.Inputs, &in) {
		w.From, w.Target = in.Expect, or(in.Target, in.Commit)
	}
	if ap.Auto {
		w.At += ap.Within
		p.s.view.Put(BucketTimer, timerKey(w.At, l.inc.Partition, l.inc.N, judgeTimer), []byte{1})
	}
	p.s.save(BucketShadow, key, &w)
	p.sayLong(l, w.Sentence(p.now))
}

// wouldStill looks again at the end of the veto time, as Backout would before it
// acts.
func (p *pass) wouldStill(l *loaded) {
	for _, st := range l.steps {
		key := shadowKey(shadowEntry, st.StepRef)
		var w WouldHave
		node := p.node(l, st)
		if node == nil || st.Chunk > 0 || !p.s.load(BucketShadow, key, &w) || !w.Auto || w.At > p.now || w.Dropped != "" || w.People != nil {
			continue
		}
		if ap := p.asLive(l, node); ap.Auto || p.now-w.At > hourMS {
			continue
		}
		p.pretend = true
		w.Dropped = or(p.mustAsk(l, node), "policy asks now")
		p.pretend = false
		p.s.save(BucketShadow, key, &w)
		p.line(l, "backout", titled(node)+": would not have been done after all: "+w.Dropped)
	}
}

// wentBack notes a rollback that was seen: it is what people did about what Backout
// would have done, or what it missed.
func (p *pass) wentBack(project, env, from string, pr promotion) {
	if !p.v2() || !pr.rollback || from == "" {
		return
	}
	by := ByHand{At: pr.at, From: from, To: pr.id}
	e := p.s.Env(project, env)
	if l := p.s.incident(e.Lock); l != nil && p.halfDone(l) {
		by.Incident = IncidentName(l.inc.N)
	}
	if p.matched(project, env, by) || by.Incident != "" || p.asksToGoBack(project, env) {
		return
	}
	m := Missed{Project: project, Environment: env, Action: rollbackAction, Mode: p.s.Config().ModeOf(project, rollbackAction), ByHand: by}
	if l := p.openIncident(project, env); l != nil && l.inc.State.Open() {
		m.Incident = IncidentName(l.inc.N)
		p.line(l, "backout", "gone back from "+from+" to "+pr.id+" by hand; Backout would not have done it")
	}
	p.s.save(BucketShadow, shadowKey(shadowMissed, StepRef{N: p.seq, Ordinal: p.idx}), &m)
}

// rollbackAction is the action that a rollback made by hand stands for.
const rollbackAction = "vercel.rollback"

// matched gives a rollback to the entries it answers.
func (p *pass) matched(project, env string, by ByHand) (found bool) {
	type change struct {
		key []byte
		w   WouldHave
	}
	var changes []change
	p.s.view.Scan(BucketShadow, []byte{shadowEntry}, nil, func(k, v []byte) bool {
		var w WouldHave
		if !decode(v, &w) || !w.Serving || w.Forward || w.Project != project || w.Environment != env || w.People != nil {
			return true
		}
		if d := by.At - w.Decided; d >= -matchedWithin && d <= matchedWithin && p.now-w.Decided <= matchedWithin {
			w.People = &by
			changes = append(changes, change{bytes.Clone(k), w})
		}
		return true
	})
	for i := range changes {
		c := &changes[i]
		p.s.save(BucketShadow, c.key, &c.w)
		if l := p.s.incident(c.w.N); l != nil {
			p.sayLong(l, c.w.Sentence(p.now))
		}
	}
	return len(changes) > 0
}

// asksToGoBack reports whether Backout waits for a person's yes to a rollback there,
// or for the end of a veto time.
func (p *pass) asksToGoBack(project, env string) bool {
	l := p.openIncident(project, env)
	if l == nil || !l.inc.State.Open() {
		return false
	}
	for _, st := range l.steps {
		if node := p.node(l, st); node != nil && node.Spec.Serving && !node.Spec.Forward && !st.State.Ended() {
			return true
		}
	}
	return false
}

// Sentence tells what would have been done, when compared with people, and why.
func (w *WouldHave) Sentence(now int64) string {
	text := "would have done at " + moment(w.At, now) + ": " + w.Text
	switch {
	case w.Serving && w.Forward:
		text = "would have promoted " + w.Target + " at " + moment(w.At, now)
	case w.Serving:
		text = "would have rolled back " + w.From + " to " + w.Target + " at " + moment(w.At, now)
	}
	if !w.Auto {
		text = "would have asked at " + moment(w.At, now) + " whether to go on with: " + w.Text
	}
	if h := w.People; h != nil {
		diff := h.At - w.At
		side := span(diff) + " before you did"
		if diff < 0 {
			side = span(-diff) + " after you did"
		}
		text += ", " + side + " (" + h.From + " to " + h.To + " at " + moment(h.At, now) + ")"
	} else if w.Serving && now-w.Decided > matchedWithin {
		text += "; nobody did"
	}
	if w.Dropped != "" {
		text += "; it would have been left at the end of the veto time: " + w.Dropped
	}
	return text + ", because " + w.Why
}

// Figures count what was answered about an action of a project, and what Backout
// missed.
type Figures struct {
	Project string `json:"project"`
	Action  string `json:"action"`
	Mode    Mode   `json:"mode"`
	Right   int    `json:"right"`
	Wrong   int    `json:"wrong"`
	Unclear int    `json:"unclear"`
	// Unanswered are those nobody has answered about.
	Unanswered int `json:"unanswered"`
	Missed     int `json:"missed"`
}

// Sentence writes the figures of an action.
func (f *Figures) Sentence() string {
	text := f.Action + " " + strconv.Itoa(f.Right) + " right, " + strconv.Itoa(f.Wrong) + " wrong, " + strconv.Itoa(f.Unclear) + " unclear, " + strconv.Itoa(f.Missed) + " missed"
	if f.Unanswered > 0 {
		text += ", " + strconv.Itoa(f.Unanswered) + " not answered"
	}
	return text
}
