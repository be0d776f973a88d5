package orchestrator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// rehearsalWork bounds how many pieces of work one moment of a rehearsal may make:
// more is a plan that goes in circles.
const rehearsalWork = 2000

// Rehearsal folds entries in virtual time and pretends that everything outside
// works: pages arrive, reads answer what the rehearsal was told, effects take place
// at once. It is how rules and playbooks are tried out before a night does it. It
// keeps all in memory and is for use by one goroutine.
type Rehearsal struct {
	fold  *Fold
	state *State
	view  *MemoryView
	seq   uint64
	now   int64
	tries int
	// Silent is set when polled sources and those that are expected do fall silent;
	// otherwise they are taken to be heard all the time.
	Silent bool
	// Target is what probe.target answers: good, bad, unknown or blind; good when empty.
	Target string
	// Answers are what reads answer instead of that all is well, one after another and from
	// the beginning again, by the action or, as watch/ID, by the watch. Watches without any
	// have no data.
	Answers map[string][]Measured
	// measured is when each watch was measured last, by its number; held are the readings
	// that change nothing and wait for the next one.
	measured map[uint64]int64
	held     map[uint64]*Obs
	// Pages are the texts people got, Effects the effects that were made, in order.
	Pages   []Rehearsed
	Effects []Rehearsed
}

// Rehearsed is something a rehearsal did.
type Rehearsed struct {
	At       int64
	Incident string
	// Action is such as page.oncall or vercel.rollback; Text what it said or did.
	Action string
	Text   string
}

// NewRehearsal begins at a time (Unix milliseconds) with the documents of a log:
// one of the configuration, the rules, the playbooks.
func NewRehearsal(rules Rules, start int64, docs ...Doc) (*Rehearsal, error) {
	fold, err := NewFold(rules)
	if err != nil {
		return nil, err
	}
	view := &MemoryView{}
	state, err := NewState(view)
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{fold: fold, state: state, view: view, now: start}
	records := []Record{{Genesis: &Genesis{LogID: "rehearsal", Partitions: 1, FoldVersion: FoldVersion}}}
	if _, err := r.append(SubjectAdmin, records...); err != nil {
		return nil, err
	}
	for i := range docs {
		if _, err := r.append(SubjectConfig, Record{Doc: &docs[i]}); err != nil {
			return nil, err
		}
	}
	_, err = r.append(SubjectOwn(0), Record{Claim: &Claim{Instance: "rehearsal", Boot: "rehearsal", FoldVersion: FoldVersion}})
	return r, err
}

// State is what is known now. It must not be kept over the next call.
func (r *Rehearsal) State() *State { return r.state }

// Now is the virtual time in Unix milliseconds.
func (r *Rehearsal) Now() int64 { return r.now }

func (r *Rehearsal) append(subject string, records ...Record) (*Folded, error) {
	r.seq++
	env := Envelope{ID: "r/" + strconv.FormatUint(r.seq, 10), At: r.now, Records: records}
	if _, owned := PartitionOf(subject); owned {
		env.Epoch = r.state.Owner(0).Epoch
	}
	data, err := env.Encode()
	if err != nil {
		return nil, err
	}
	folded, err := r.fold.Apply(r.state, Entry{Seq: r.seq, Subject: subject, Data: data})
	if err != nil {
		return nil, fmt.Errorf("rehearsing entry %d: %w", r.seq, err)
	}
	return folded, nil
}

// Take folds a record at the present moment and does the work it leads to.
func (r *Rehearsal) Take(rec Record) (*Folded, error) {
	subject := SubjectEvents
	if rec.Command != nil {
		subject = SubjectCommands
	}
	if rec.Observed != nil || rec.Deploys != nil || rec.Upstream != nil || rec.Reading != nil {
		subject = SubjectAct(0)
	}
	folded, err := r.append(subject, rec)
	if err != nil {
		return nil, err
	}
	if ev := rec.Event; ev != nil && (ev.Type == DeployPromoted || ev.Type == DeployRolledBack) {
		if err := r.listed(ev.Project, ev.Environment); err != nil {
			return nil, err
		}
	}
	return folded, r.work()
}

// listed lets the provider show what it was told: everything that was ever promoted
// is built and may be gone back to, and the newest serves.
func (r *Rehearsal) listed(project, env string) error {
	pr, ok := r.state.Config().Project(project)
	if !ok {
		return nil
	}
	env = or(env, pr.Production())
	list := Deployments{Project: project, Environment: env, At: r.now}
	for _, d := range r.state.Deployments(project, env) {
		list.List = append(list.List, DeploymentAt{ID: d.ID, URL: d.URL, Commit: d.Commit, CreatedAt: d.At, Ready: true, Candidate: true})
	}
	_, err := r.append(SubjectAct(0), Record{Deploys: &list}, r.serves(project, env))
	return err
}

// Until lets time pass up to a moment: timers fire in the order they are due.
func (r *Rehearsal) Until(at int64) error {
	for {
		var next *TimerFired
		r.view.Scan(BucketTimer, nil, nil, func(k, _ []byte) bool {
			t, _ := ParseTimerKey(k)
			next = &t
			return false
		})
		watch, due := r.nextWatch()
		if watch > 0 && due <= at && (next == nil || due <= next.Due) {
			r.now = max(r.now, due)
			if err := r.watched(watch); err != nil {
				return err
			}
			continue
		}
		if next == nil || next.Due > at {
			r.now = max(r.now, at)
			return nil
		}
		r.now = max(r.now, next.Due)
		if strings.HasPrefix(next.Name, silentTimer) && !r.Silent {
			r.view.Delete(BucketTimer, timerKey(next.Due, 0, next.N, next.Name))
			continue
		}
		if _, err := r.append(SubjectAct(0), Record{Timer: next}); err != nil {
			return err
		}
		if err := r.work(); err != nil {
			return err
		}
	}
}

// work does what an executor would, until nothing is ready.
func (r *Rehearsal) work() error {
	for range rehearsalWork {
		if err := r.state.Flush(); err != nil {
			return err
		}
		var ref StepRef
		var kind Work
		found := false
		r.view.Scan(BucketReady, ReadyPrefix(0), nil, func(k, v []byte) bool {
			ref, kind, found = ReadyRef(k), Work(v), true
			return false
		})
		if !found {
			return nil
		}
		if err := r.perform(ref, kind); err != nil {
			return err
		}
	}
	return errors.New("a rehearsal made more work than it could do: a plan goes in circles")
}

func (r *Rehearsal) perform(ref StepRef, kind Work) error {
	inc, steps := r.state.Incident(ref.N)
	st := stepIn(steps, ref)
	if st == nil {
		return fmt.Errorf("rehearsing: a step of %s is ready and does not exist", IncidentName(ref.N))
	}
	node := r.state.Node(inc, st)
	if node == nil {
		return fmt.Errorf("rehearsing: step %s of %s has no plan", st.ID, IncidentName(ref.N))
	}
	var rec Record
	switch kind {
	case WorkPreview:
		rec = Record{Preview: &Previewed{StepRef: ref, Hash: "rehearsed", Text: titled(node)}}
	case WorkMeasure:
		rec = Record{Measure: r.reads(inc, node)}
		rec.Measure.StepRef = ref
	case WorkVerify:
		rec = Record{Verified: &Verified{StepRef: ref, Attempt: st.Attempt.ID, Kind: OutcomeDone}}
	case WorkDo:
		return r.attempt(inc, st, node)
	}
	_, err := r.append(SubjectAct(0), rec)
	return err
}

func stepIn(steps []*Step, ref StepRef) *Step {
	for _, st := range steps {
		if st.StepRef == ref {
			return st
		}
	}
	return nil
}

// attempt asks the fold and, when it says yes, pretends that the action worked.
func (r *Rehearsal) attempt(inc *Incident, st *Step, node *Node) error {
	r.tries++
	intent := Intent{StepRef: st.StepRef, Attempt: "rehearsal/" + strconv.Itoa(r.tries), Try: st.Tries + 1}
	var records []Record
	if node.Spec.Serving {
		records = append(records, r.serves(inc.Project, inc.Environment))
	}
	n := inc.N
	folded, err := r.append(SubjectAct(0), append(records, Record{Intent: &intent})...)
	if err != nil || len(folded.Decisions) != 1 || !folded.Decisions[0].Accepted {
		return err
	}
	call := folded.Decisions[0].Call
	r.note(n, node, call)
	result := Result{StepRef: intent.StepRef, Attempt: intent.Attempt, Kind: ResultDone, Text: "as rehearsed", Data: r.answer(inc, node.Action)}
	if target := servedBy(call); node.Spec.Serving && target != "" {
		result.Data = encoded(map[string]string{"deployment_id": target})
	}
	_, err = r.append(SubjectResults(0), Record{Result: &result})
	return err
}

// servedBy is the deployment that a change of what serves leads to.
func servedBy(c Call) string {
	var in struct {
		Target string `json:"target"`
	}
	_ = c.Input(&in)
	return in.Target
}

func (r *Rehearsal) note(n uint64, node *Node, call Call) {
	did := Rehearsed{At: r.now, Incident: IncidentName(n), Action: node.Action, Text: string(call.Inputs)}
	switch {
	case node.Action == PageAction:
		var in PageInputs
		if call.Input(&in) == nil {
			did.Text = in.Text
		}
		r.Pages = append(r.Pages, did)
	case node.Spec.Effect:
		r.Effects = append(r.Effects, did)
	}
}

// serves is what a provider would say now.
func (r *Rehearsal) serves(project, env string) Record {
	e := r.state.Env(project, env)
	id := e.Promoted
	return Record{Observed: &Observed{Project: project, Environment: env, At: r.now, Serving: Serving{
		Deployment: id, Domains: r.domains(project, env, id), AutoAssign: true,
	}}}
}

func (r *Rehearsal) domains(project, env, id string) map[string]string {
	out := map[string]string{}
	if e := r.state.Config().environment(project, env); e != nil {
		for _, d := range e.Domains {
			out[d.Host] = id
		}
	}
	return out
}

// answer is what a read finds when all is well.
func (r *Rehearsal) answer(inc *Incident, action string) []byte {
	switch action {
	case "vercel.serving":
		id := r.state.Env(inc.Project, inc.Environment).Promoted
		return encoded(map[string]any{"domains": r.domains(inc.Project, inc.Environment, id), "proven": true, "auto_assign": true})
	case "probe.http":
		return encoded(map[string]any{"failed": 0, "passed": 1})
	case "probe.target":
		return encoded(map[string]any{"answer": or(r.Target, "good")})
	}
	return []byte("{}")
}
