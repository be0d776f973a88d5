package sim

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Times of the world, in milliseconds.
const (
	epochMS     = int64(1_800_000_000_000)
	faultsUntil = 40_000
	healedUntil = 140_000
	healedLate  = 5_000
	callTimeout = 3_000
	settle      = 2_000
	suspicion   = 2_500
	// maxSkew is how far a node's clock is off at most.
	maxSkew = 2_200
	// veto is how long policy waits before it acts alone; automatic actions are limited
	// to two an hour for each environment.
	veto        = 500
	autoPerHour = 2
)

// world is everything outside the instances: time, the log, and the systems
// that actions change.
type world struct {
	rng   *rand.Rand
	now   int64
	queue events
	order uint64

	log    []orchestrator.Entry
	stored map[string]uint64
	claims map[string]uint64

	nodes  []*node
	calls  map[string]int
	effect map[string]int
	// serving is what each environment serves, acked the events that were
	// acknowledged to their publishers.
	serving map[string]string
	acked   []string
	fold    *orchestrator.Fold
	judge   *judge
	broken  error
	// copied are snapshots of the state, oldest first; trimmed is up to where the log
	// may not be read any more.
	copied  []copied
	trimmed uint64
}

// copied is a snapshot at an entry.
type copied struct {
	cursor uint64
	view   *orchestrator.MemoryView
}

// event is something that happens at a time.
type event struct {
	at    int64
	order uint64
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || (e[i].at == e[j].at && e[i].order < e[j].order)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// always stands for rules.yaml: every signal opens an incident.
type always struct{}

func (always) Eval(string, map[string]any) (any, error) { return true, nil }

// Run plays one seed and returns the first broken invariant.
func Run(seed uint64) error {
	fold, err := orchestrator.NewFold(always{})
	if err != nil {
		return err
	}
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 1)), fold: fold,
		stored: map[string]uint64{}, claims: map[string]uint64{},
		calls: map[string]int{}, effect: map[string]int{}, serving: map[string]string{},
	}
	if w.judge, err = newJudge(w); err != nil {
		return err
	}
	w.genesis()
	for i := range 3 {
		n := &node{w: w, name: fmt.Sprint("n", i), committed: &orchestrator.MemoryView{}, skew: w.delay(-maxSkew, maxSkew)}
		w.nodes = append(w.nodes, n)
		w.at(int64(w.rng.IntN(200)), n.start)
	}
	w.at(0, w.publish)
	w.at(0, w.fault)
	w.at(0, w.people)
	w.at(0, w.housekeep)
	for w.broken == nil && w.queue.Len() > 0 {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		if w.now > healedUntil && (w.even() || w.now > healedUntil+healedLate) {
			break
		}
		e.do()
	}
	if w.broken == nil {
		w.broken = w.settled()
	}
	if w.broken != nil {
		return fmt.Errorf("seed %d, at %d ms: %w", seed, w.now, w.broken)
	}
	return nil
}

// even reports whether every node has read everything: an entry may have been written
// a moment before the end.
func (w *world) even() bool {
	return !slices.ContainsFunc(w.nodes, func(n *node) bool {
		return n.core == nil || n.core.State().Meta().Cursor != uint64(len(w.log))
	})
}

func (w *world) at(after int64, do func()) {
	w.order++
	heap.Push(&w.queue, event{at: w.now + after, order: w.order, do: do})
}

func (w *world) time() time.Time { return time.UnixMilli(epochMS + w.now) }

func (w *world) faulty() bool { return w.now < faultsUntil }

// chance is true once in n while faults last.
func (w *world) chance(n int) bool { return w.faulty() && w.rng.IntN(n) == 0 }

// delay is between lo and hi milliseconds.
func (w *world) delay(lo, hi int) int64 { return int64(lo + w.rng.IntN(hi-lo+1)) }

// environments each get one incident whose plan has all kinds of steps.
func environments() []string { return []string{"e0", "e1", "e2"} }

func (w *world) genesis() {
	cfg := &orchestrator.Config{
		Mode: orchestrator.Live, Projects: []orchestrator.Project{{ID: "shop"}},
		People: []orchestrator.Person{{ID: "ann", Roles: []string{"on-call", "devops-lead"}}},
		Policies: orchestrator.Policies{
			Autonomy: []orchestrator.Autonomy{{Action: "*", Do: orchestrator.DoAuto, Veto: veto, Roles: []string{"on-call"}, Quorum: 1}},
			Limits:   orchestrator.Limits{AutoPerHour: autoPerHour, ConfirmPage: -1},
		},
	}
	for _, e := range environments() {
		cfg.Projects[0].Environments = append(cfg.Projects[0].Environments, orchestrator.Environment{ID: e, Kind: "production"})
		w.serving[e] = "bad"
	}
	for _, m := range []orchestrator.Message{
		record(orchestrator.Record{Genesis: &orchestrator.Genesis{LogID: "sim", Partitions: 1, FoldVersion: 1}}, orchestrator.SubjectAdmin, w),
		w.doc(orchestrator.DocConfig, "", cfg),
		w.doc(orchestrator.DocRules, "", &orchestrator.RuleSet{Rules: []orchestrator.Rule{{ID: "all", When: "x", Do: orchestrator.RuleOpen, Playbook: "p"}}}),
		w.doc(orchestrator.DocPlaybook, "p", plan()),
	} {
		if err := w.append(m); err != nil {
			w.broken = err
		}
	}
}

func plan() *orchestrator.Plan {
	p := &orchestrator.Plan{Playbook: "p"}
	for i, s := range []struct {
		safety  orchestrator.Safety
		serving bool
	}{{orchestrator.Once, false}, {orchestrator.Verifiable, true}, {orchestrator.Repeatable, false}, {orchestrator.Once, false}, {orchestrator.Verifiable, false}} {
		n := orchestrator.Node{
			Ordinal: i, ID: fmt.Sprint("s", i), Kind: orchestrator.NodeAction, Action: fmt.Sprint("act.", s.safety),
			Spec:      orchestrator.Spec{Name: "act", Effect: true, Safety: s.safety, Serving: s.serving, CallTimeout: callTimeout, Settle: settle},
			With:      map[string]any{"expect_serving": "bad", "target": "good"},
			OnFailure: orchestrator.OnFailure{Do: orchestrator.FailContinue},
		}
		if i > 0 {
			n.Needs = []int{i - 1}
		}
		if s.serving {
			n.Approve = &orchestrator.Approve{Policy: true}
		}
		n.Spec.Forward = i == 4
		p.Nodes = append(p.Nodes, n)
	}
	return p
}

func (w *world) doc(kind, name string, v any) orchestrator.Message {
	body, err := json.Marshal(v)
	if err != nil {
		w.broken = err
	}
	return record(orchestrator.Record{Doc: &orchestrator.Doc{Kind: kind, Name: name, Hash: kind + name, Body: body}}, orchestrator.SubjectConfig, w)
}

func record(r orchestrator.Record, subject string, w *world) orchestrator.Message {
	w.order++
	env := orchestrator.Envelope{ID: fmt.Sprint("w/", w.order), At: epochMS + w.now, Records: []orchestrator.Record{r}}
	data, err := env.Encode()
	if err != nil {
		w.broken = err
	}
	return orchestrator.Message{Subject: subject, ID: env.ID, Data: data}
}

// append is the log's server: it checks the fence and stores. A repeat of a
// stored message is stored again now and then, as after the end of a duplicate
// window.
func (w *world) append(m orchestrator.Message) error {
	if m.Fence != nil && w.claims[m.Fence.Subject] != m.Fence.Seq {
		return orchestrator.ErrFenced
	}
	if _, dup := w.stored[m.ID]; dup && w.rng.IntN(4) > 0 {
		return nil
	}
	seq := uint64(len(w.log) + 1)
	w.log = append(w.log, orchestrator.Entry{Seq: seq, Subject: m.Subject, Data: m.Data})
	w.judge.read(w.log[seq-1])
	w.stored[m.ID] = seq
	if m.Subject == orchestrator.SubjectOwn(0) {
		w.claims[m.Subject] = seq
	}
	for _, n := range w.nodes {
		w.at(w.delay(0, 30), n.guard(n.read))
	}
	return nil
}

// publish is an outside sender that repeats until it is acknowledged.
func (w *world) publish() {
	for i, e := range environments() {
		id := fmt.Sprint("alert-", e)
		ev := orchestrator.Event{Origin: "sim", ID: id, Type: orchestrator.AlertFiring, Project: "shop", Environment: e, Name: "down", Severity: "critical", StartsAt: epochMS}
		w.at(int64(i)*w.delay(0, 10_000), func() { w.send(id, ev) })
	}
}

func (w *world) send(id string, ev orchestrator.Event) {
	lost, silent := w.chance(4), w.chance(4)
	if !lost {
		if err := w.append(record(orchestrator.Record{Event: &ev}, orchestrator.SubjectEvents, w)); err != nil {
			lost = true
		}
	}
	if lost || silent {
		w.at(500, func() { w.send(id, ev) })
		return
	}
	w.acked = append(w.acked, id)
}
