package orchestrator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
)

// DryOptions say what is walked through: a playbook on an environment, as if it had
// to start now, or the rest of an incident's plan.
type DryOptions struct {
	Playbook    string
	Incident    uint64
	Project     string
	Environment string
}

// DryReads are the two things a dry run may do outside: ask an action what it would
// do, and carry out a read. Neither may change anything.
type DryReads struct {
	Plan func(ctx context.Context, action string, c Call) (Preview, error)
	Read func(ctx context.Context, action string, c Call) (Output, error)
}

// DryStep is one step of a dry run. What Backout did not do is only assumed.
type DryStep struct {
	ID     string `json:"id"`
	Title  string `json:"title,omitempty"`
	Kind   string `json:"kind"`
	Action string `json:"action,omitempty"`
	// Becomes is what became of it: done and skipped are so, assumed is not.
	Becomes string          `json:"becomes"`
	Inputs  json.RawMessage `json:"inputs,omitempty"`
	// Would is what the action says it would do, its target resolved; Manual how a
	// person does it without Backout.
	Would  string `json:"would,omitempty"`
	Manual string `json:"manual,omitempty"`
	// Decides says who decides about an effect, and why; Found is what a read found.
	Decides string `json:"decides,omitempty"`
	Found   string `json:"found,omitempty"`
	Error   string `json:"error,omitempty"`
}

// DryReport is the walk: which playbook leads, why, and every call in its order.
type DryReport struct {
	Playbook    string    `json:"playbook"`
	Project     string    `json:"project"`
	Environment string    `json:"environment"`
	Incident    string    `json:"incident,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
	Steps       []DryStep `json:"steps"`
}

// DryRun walks through a plan on a copy of what is known: no entry is written, no
// effect is made. Made by State.DryRun; for use by one goroutine.
type DryRun struct {
	p     *pass
	l     *loaded
	o     DryOptions
	steps map[StepRef]*DryStep
	// had are the steps of the incident that had ended before the walk.
	had map[StepRef]bool
}

// dryWork bounds how many steps a dry run goes through.
const dryWork = 500

// DryRun copies what a dry run needs, so that the walk can take its time. The error
// says what there is not.
func (s *State) DryRun(rules Rules, o DryOptions) (*DryRun, error) {
	fold, err := NewFold(rules)
	if err != nil {
		return nil, err
	}
	inc, _ := s.Incident(o.Incident)
	if o.Incident > 0 && inc == nil {
		return nil, errors.New("there is no " + IncidentName(o.Incident) + "; `backout incident list` shows them")
	}
	if inc != nil {
		o.Project, o.Environment, o.Playbook = inc.Project, inc.Environment, inc.Run().Playbook
	}
	pr, ok := s.Config().Project(o.Project)
	if !ok {
		return nil, fmt.Errorf("there is no project %q in the configuration; name one with --project", o.Project)
	}
	o.Environment = or(o.Environment, pr.Production())
	if _, ok := pr.Environment(o.Environment); !ok {
		return nil, fmt.Errorf("project %s has no environment %q", o.Project, o.Environment)
	}
	if s.meta.Playbooks[o.Playbook] == "" {
		return nil, fmt.Errorf("there is no playbook %q; `backout plan list` shows them", o.Playbook)
	}
	copied, err := s.copyFor(o)
	if err != nil {
		return nil, err
	}
	p := &pass{Fold: fold, s: copied, seq: copied.meta.Cursor + 1, now: copied.meta.Now, out: &Folded{}, seen: map[uint64]bool{}}
	return &DryRun{p: p, o: o, steps: map[StepRef]*DryStep{}, had: map[StepRef]bool{}}, nil
}

// copyFor copies what is known of an environment and an incident.
func (s *State) copyFor(o DryOptions) (*State, error) {
	view := &MemoryView{}
	take := func(b Bucket, prefix []byte) {
		s.view.Scan(b, prefix, nil, func(k, v []byte) bool {
			view.Put(b, bytes.Clone(k), bytes.Clone(v))
			return true
		})
	}
	take(BucketDoc, nil)
	take(BucketEnv, joinKey(o.Project, o.Environment))
	take(BucketDeploy, deployPrefix(o.Project, o.Environment))
	take(BucketChange, changePrefix(o.Project, o.Environment))
	take(BucketSettings, joinKey(o.Project, o.Environment))
	take(BucketMigration, joinKey(o.Project, ""))
	take(BucketMark, markKey(o.Project, o.Environment, ""))
	take(BucketWatch, nil)
	if o.Incident > 0 {
		for _, b := range []Bucket{BucketIncident, BucketStep, BucketSignal} {
			take(b, incidentKey(o.Incident))
		}
	}
	out, err := NewState(view)
	if err != nil {
		return nil, err
	}
	out.meta = s.meta
	out.meta.Playbooks, out.meta.Paused = maps.Clone(s.meta.Playbooks), maps.Clone(s.meta.Paused)
	out.meta.IDs = slices.Clone(s.meta.IDs)
	out.meta.Spent, out.meta.Found, out.meta.Jumped = nil, nil, maps.Clone(s.meta.Jumped)
	return out, nil
}

// Walk goes through the plan at a time, in Unix milliseconds.
func (d *DryRun) Walk(ctx context.Context, now int64, reads DryReads) (*DryReport, error) {
	d.p.now = max(d.p.now, now)
	d.begin()
	for range dryWork {
		st := d.next()
		if st == nil {
			return d.report(), nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("walking through %s: %w", d.o.Playbook, err)
		}
		d.step(ctx, st, reads)
	}
	return nil, fmt.Errorf("walking through %s did not come to an end after %d steps", d.o.Playbook, dryWork)
}

// begin starts the plan on the copy, or takes an incident's up where it stands: what
// has not ended begins anew.
func (d *DryRun) begin() {
	p := d.p
	if d.l = p.s.incident(d.o.Incident); d.o.Incident == 0 {
		d.l = p.create(&Incident{
			Severity: "critical", Title: "a dry run of " + d.o.Playbook, Project: d.o.Project, Environment: d.o.Environment,
			OpenedBy: "dry-run", StartedAt: p.now, SignalAt: p.now, Timed: true, Firing: 1, Distinct: 1,
		})
		p.lead(d.l, d.o.Playbook)
		return
	}
	kept := d.l.steps[:0]
	for _, st := range d.l.steps {
		if node := p.node(d.l, st); st.Extra == nil && node != nil && passed(st, node) {
			kept = append(kept, st)
			d.had[st.StepRef] = true
		}
	}
	d.l.steps = kept
	p.advance(d.l)
}

// next is a step of the plan that leads which has not ended.
func (d *DryRun) next() *Step {
	for _, st := range d.l.steps {
		if node := d.p.node(d.l, st); st.Extra == nil && node != nil && st.Round == d.l.inc.Run().Round && !passed(st, node) && !d.steps[st.StepRef].givenUp() {
			return st
		}
	}
	return nil
}

// givenUp reports whether the walk has left a step as failed.
func (s *DryStep) givenUp() bool { return s != nil && s.Becomes == "failed" }

// step takes one step further.
func (d *DryRun) step(ctx context.Context, st *Step, reads DryReads) {
	node := d.p.node(d.l, st)
	seen := d.note(st, node)
	switch {
	case st.Asked || node.Kind == NodeAsk && st.State == StepAwaiting:
		d.answer(st, node, seen)
	case node.Kind == NodeGate && st.State == StepWaiting:
		seen.Would = "read until it has passed: " + gateReads(node.Gate)
		d.assume(st, node, seen)
	case node.Kind == NodeAction && builtIn(node.Action) && st.State == StepAwaiting:
		seen.Would, seen.Decides = titled(node), d.decides(st, node)
		d.assume(st, node, seen)
	case node.Kind == NodeAction && node.Spec.Effect && !st.State.Ended():
		d.effect(ctx, st, node, seen, reads)
	case node.Kind == NodeAction && !st.State.Ended():
		d.read(ctx, st, node, seen, reads)
	default:
		seen.Becomes, seen.Error = "failed", st.Reason
	}
}

func (d *DryRun) note(st *Step, node *Node) *DryStep {
	if s := d.steps[st.StepRef]; s != nil {
		return s
	}
	s := &DryStep{ID: st.ID, Title: node.Title, Kind: string(node.Kind), Action: node.Action, Inputs: st.Inputs}
	if node.Kind == NodeAction {
		s.Kind = "read"
		if node.Spec.Effect {
			s.Kind = "effect"
		}
	}
	if node.Gate != nil {
		s.Action = node.Gate.Uses
	}
	d.steps[st.StepRef] = s
	return s
}

func gateReads(g *Gate) string {
	if g.Signals {
		return "the signals of the incident, " + g.Pass
	}
	return g.Uses + ", " + g.Pass
}

// assume goes on as if a step had gone well.
func (d *DryRun) assume(st *Step, node *Node, seen *DryStep) {
	seen.Becomes = "assumed"
	d.p.finish(d.l, st, node, "assumed")
}

// decides says who would decide about an effect now.
func (d *DryRun) decides(st *Step, node *Node) string {
	p := d.p
	mode := p.mode(d.l.inc, node.Action)
	switch {
	case mode == Shadow:
		return "nobody: in mode shadow it is only noted"
	case node.Approve == nil && mode == Live:
		return "nobody is asked: the playbook lets it run in mode live"
	}
	ap := p.approvalFor(d.l, node)
	st.Approval = ap
	if ap.Auto {
		return "Backout alone, after " + span(ap.Within) + " in which anybody on call may stop it; by " + ap.Rule
	}
	return plural(ap.Quorum, "yes") + " of " + roles(ap.Roles) + "; by " + ap.Rule
}

// effect asks an action what it would do. It is never carried out.
func (d *DryRun) effect(ctx context.Context, st *Step, node *Node, seen *DryStep, reads DryReads) {
	pv, err := reads.Plan(ctx, node.Action, d.p.call(d.l, st))
	seen.Would, seen.Manual, seen.Decides = pv.Text, pv.Manual, d.decides(st, node)
	if pv.Chunks > 0 {
		seen.Would += " (" + plural(pv.Chunks, "chunk") + ")"
	}
	if err != nil {
		seen.Error = "it cannot be said yet what it would do: " + clip(err.Error(), 300)
	}
	st.Output = pretended(node, st)
	d.assume(st, node, seen)
}

// pretended is what later steps see of an effect that was not made.
func pretended(node *Node, st *Step) []byte {
	var in struct {
		Target string `json:"target"`
	}
	_ = decode(st.Inputs, &in)
	if node.Spec.Serving {
		return encoded(map[string]string{"deployment_id": or(in.Target, "{what "+st.ID+" would promote}")})
	}
	return encoded(map[string]string{"head_sha": "{commit of " + st.ID + "}", "blob": "{what " + st.ID + " would send}"})
}

// unknown names an answer that nobody has given yet and that a step is about; "" when
// it is about none.
func (d *DryRun) unknown(st *Step) string {
	for _, name := range slices.Sorted(maps.Keys(d.l.inc.Answers)) {
		if d.l.inc.Answers[name] == "{"+name+"}" && strings.Contains(string(st.Inputs), "{"+name+"}") {
			return name
		}
	}
	return ""
}

// read carries a read out; what reaches people is no read and is left alone.
func (d *DryRun) read(ctx context.Context, st *Step, node *Node, seen *DryStep, reads DryReads) {
	if reachesPeople(node.Action) {
		var in PageInputs
		if decode(st.Inputs, &in) {
			seen.Would = "tell " + strconv.Itoa(len(in.People)) + " of " + d.p.pageRole() + ": " + in.Text
		}
		seen.Inputs = nil
		d.assume(st, node, seen)
		return
	}
	if name := d.unknown(st); name != "" {
		seen.Would = "read it, once " + name + " is known"
		d.assume(st, node, seen)
		return
	}
	out, err := reads.Read(ctx, node.Action, d.p.call(d.l, st))
	if err != nil {
		seen.Becomes, seen.Error = "failed", clip(err.Error(), 300)
		d.p.fail(d.l, st, node, seen.Error)
		return
	}
	seen.Becomes, seen.Found = "done", or(out.Text, clip(string(out.Data), 300))
	st.Output = out.Data
	d.p.finish(d.l, st, node, out.Text)
}

// reachesPeople reports whether an action that counts as no effect still tells
// somebody something.
func reachesPeople(action string) bool {
	return strings.HasPrefix(action, "page.") || strings.HasPrefix(action, "chat.")
}

// answer assumes an answer to a question: its default, or the first that can be
// given and does not try the same again.
func (d *DryRun) answer(st *Step, node *Node, seen *DryStep) {
	ask := askOf(st, node)
	key := ask.Default
	for _, c := range ask.Choice {
		if key == "" && c.Refused == "" && c.Key != "retry" && c.Key != "stop" {
			key = c.Key
		}
	}
	if len(ask.Choice) == 0 {
		key = "answered"
		if d.l.inc.Answers == nil {
			d.l.inc.Answers = map[string]string{}
		}
		for _, name := range ask.Typed {
			d.l.inc.Answers[name] = "{" + name + "}"
		}
	}
	seen.Decides, seen.Becomes = askText(ask)+" by "+roles(ask.Roles), "assumed"
	seen.Would = "ask; the answer is taken to be " + or(key, "stop")
	d.p.answered(d.l, st, node, Vote{By: "backout", At: d.p.now}, or(key, "stop"))
	if st.Asked || st.State == StepFailed {
		seen.Becomes = "failed"
	}
}

// report lists the steps in the order they came, then those that were not wanted.
func (d *DryRun) report() *DryReport {
	inc := d.l.inc
	r := &DryReport{Playbook: inc.Run().Playbook, Project: inc.Project, Environment: inc.Environment, Steps: []DryStep{}}
	if d.o.Incident > 0 {
		r.Incident = IncidentName(inc.N)
	}
	if r.Playbook != d.o.Playbook {
		r.Notes = append(r.Notes, "playbook "+r.Playbook+" leads instead of "+d.o.Playbook)
	}
	if who, what, ok := d.p.paused(inc.Project); ok {
		r.Notes = append(r.Notes, "paused by "+who+what+": no effect would start")
	}
	if s := inc.Suspect; s != nil {
		r.Notes = append(r.Notes, "suspect: deployment "+s.DeploymentID+", score "+score(s.Score)+", because "+join(s.Reasons))
	}
	for _, st := range d.l.steps {
		node := d.p.node(d.l, st)
		if node == nil || st.Extra != nil || node.Kind == NodeJoin || d.steps[st.StepRef] != nil {
			continue
		}
		s := d.note(st, node)
		s.Becomes, s.Found = string(st.State), st.Reason
		if st.State != StepDone || reachesPeople(node.Action) {
			s.Inputs = nil
		}
		if st.State == StepDone && builtIn(node.Action) && node.Action != "deployment.verdict" && !d.had[st.StepRef] {
			s.Becomes = "assumed"
		}
	}
	for _, st := range d.l.steps {
		if s := d.steps[st.StepRef]; s != nil {
			r.Steps = append(r.Steps, *s)
		}
	}
	return r
}
