package sim

import (
	"errors"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// node is one instance: a real core on a view whose commits lag.
type node struct {
	w         *world
	name      string
	boots     int
	core      *engine.Core
	view      *orchestrator.MemoryView
	committed *orchestrator.MemoryView
	// silentSince is when the node crashed or was paused last, and pausedUntil
	// holds back everything that happens to it.
	silentSince int64
	pausedUntil int64
	// wakeAt is when next is to be called, 0 for no time.
	wakeAt int64
}

var errLost = errors.New("no answer")

// start boots the node from its last commit.
func (n *node) start() {
	n.boots++
	n.view = n.committed.Clone()
	state, err := orchestrator.NewState(n.view)
	if err != nil {
		n.w.broken = err
		return
	}
	n.core = engine.NewCore(n.w.fold, state, engine.CoreOptions{Instance: n.name, Boot: fmt.Sprint(n.name, ".", n.boots), Workers: 2})
	n.wakeAt = 0
	n.read()
	n.w.at(n.w.delay(20, 300), n.guard(n.commit))
	n.w.at(100, n.guard(n.poll))
}

// crash forgets everything since the last commit.
func (n *node) crash() {
	if n.core == nil {
		return
	}
	n.core = nil
	n.silentSince = n.w.now
	n.w.at(n.w.delay(50, 6000), n.start)
}

// silent reports whether the others have heard nothing for long enough.
func (n *node) silent() bool {
	down := n.core == nil || n.w.now < n.pausedUntil
	return down && n.w.now-n.silentSince > suspicion
}

// guard lets fn happen to this boot only, and after a pause if there is one.
func (n *node) guard(fn func()) func() {
	boot := n.boots
	var run func()
	run = func() {
		if n.core == nil || n.boots != boot || n.w.broken != nil {
			return
		}
		if n.w.now < n.pausedUntil {
			n.w.at(n.pausedUntil-n.w.now+n.w.delay(0, 20), run)
			return
		}
		fn()
	}
	return run
}

// read folds what the log has, sometimes only part of it.
func (n *node) read() {
	from := n.core.State().Meta().Cursor
	upto := uint64(len(n.w.log))
	if n.w.chance(5) && upto > from {
		upto = from + uint64(n.w.rng.IntN(int(upto-from)+1))
	}
	for _, e := range n.w.log[from:upto] {
		if _, err := n.core.Fold(n.w.time(), e); err != nil {
			n.w.broken = err
			return
		}
	}
	n.next()
}

// poll reads when the doorbell was missed, and looks at who is suspected.
func (n *node) poll() {
	if n.core.State().Meta().Cursor < uint64(len(n.w.log)) {
		n.read()
	} else {
		n.next()
	}
	n.w.at(300, n.guard(n.poll))
}

func (n *node) commit() {
	if !n.w.faulty() {
		return // nothing is forgotten any more, so nothing need be kept
	}
	if err := n.core.State().Flush(); err != nil {
		n.w.broken = err
		return
	}
	n.committed = n.view.Clone()
	n.w.at(n.w.delay(20, 300), n.guard(n.commit))
}

// next does what the core wants done.
func (n *node) next() {
	n.core.See(n.w.time(), n.peers())
	work := n.core.Next(n.w.time())
	for _, a := range work.Appends {
		n.append(a)
	}
	for _, t := range work.Tasks {
		n.task(t)
	}
	if !work.Wake.IsZero() {
		n.wake(max(n.w.now, work.Wake.UnixMilli()-epochMS))
	}
}

// peers are the other instances this one hears of, now and then one too few.
func (n *node) peers() []engine.Peer {
	var out []engine.Peer
	for _, other := range n.w.nodes {
		if other != n && !other.silent() && !n.w.chance(400) {
			out = append(out, engine.Peer{Instance: other.name, FoldVersion: orchestrator.FoldVersion, Ready: true})
		}
	}
	return out
}

// wake calls next at a time, unless it is called before that anyway.
func (n *node) wake(at int64) {
	if n.wakeAt > n.w.now && n.wakeAt <= at {
		return
	}
	n.wakeAt = at
	n.w.at(at-n.w.now, n.guard(func() {
		if n.wakeAt == at {
			n.wakeAt = 0
			n.next()
		}
	}))
}

// append carries a message to the log's server and the answer back; both ways
// may lose it.
func (n *node) append(a engine.Append) {
	lost, silent := n.w.chance(8), n.w.chance(8)
	answer := func(err error, after int64) {
		n.w.at(after, n.guard(func() {
			n.core.Appended(n.w.time(), a, err)
			n.next()
		}))
	}
	n.w.at(n.w.delay(0, 40), func() {
		if lost {
			answer(errLost, 1000)
			return
		}
		err := n.w.append(a.Msg)
		if silent {
			answer(errLost, 1000)
			return
		}
		answer(err, n.w.delay(0, 40))
	})
}

// task makes a call. What the outside does happens whether or not the caller
// lives to hear of it.
func (n *node) task(t engine.Task) {
	done := func(after int64, fn func()) {
		n.w.at(after, n.guard(func() {
			fn()
			n.next()
		}))
	}
	env := t.Call.Environment
	switch t.Kind {
	case engine.TaskObserve:
		o := orchestrator.Observed{Project: t.Call.Project, Environment: env, At: epochMS + n.w.now, Serving: orchestrator.Serving{Deployment: n.w.serving[env]}}
		done(n.w.delay(0, 50), func() { n.core.Observed(t, o) })
	case engine.TaskDo:
		n.do(t, done)
	case engine.TaskVerify:
		kind := orchestrator.OutcomeNotDone
		if n.w.effect[t.Call.Key] > 0 {
			kind = orchestrator.OutcomeDone
		}
		done(n.w.delay(0, 100), func() { n.core.Reported(t, t.Verified(orchestrator.Outcome{Kind: kind})) })
	case engine.TaskPreview, engine.TaskMeasure:
	}
}

func (n *node) do(t engine.Task, done func(int64, func())) {
	w, key := n.w, t.Call.Key
	safety := orchestrator.Safety(t.Action[len("act."):])
	kind := orchestrator.ResultDone
	took := w.delay(1, 200)
	switch {
	case w.chance(6):
		kind, took = orchestrator.ResultInDoubt, w.delay(200, callTimeout)
	case w.chance(6):
		kind = orchestrator.ResultRetry
	}
	if kind != orchestrator.ResultRetry { // a call that was turned away did nothing
		w.calls[key]++
	}
	if w.calls[key] > 1 && safety == orchestrator.Once {
		w.broken = fmt.Errorf("step %s of %s, which may run once, was called %d times", t.Call.Step, t.Call.Incident, w.calls[key])
		return
	}
	happens := kind == orchestrator.ResultDone || (kind == orchestrator.ResultInDoubt && w.rng.IntN(2) == 0)
	if happens {
		lag := int64(0)
		if kind == orchestrator.ResultInDoubt {
			lag = w.delay(0, settle-100)
		}
		w.at(took+lag-1, func() { w.happen(key, safety, t.Call) })
	}
	done(took, func() { n.core.Reported(t, t.Result(orchestrator.Result{Kind: kind})) })
}

// happen is the outside changing.
func (w *world) happen(key string, safety orchestrator.Safety, c orchestrator.Call) {
	w.effect[key]++
	if c.Step == "s1" {
		w.serving[c.Environment] = "good"
	}
	if safety == orchestrator.Verifiable && w.effect[key] > 1 {
		w.broken = fmt.Errorf("step %s of %s took place %d times outside", c.Step, c.Incident, w.effect[key])
	}
}

// fault makes something go wrong every now and then, until faults end.
func (w *world) fault() {
	if !w.faulty() {
		return
	}
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch w.rng.IntN(3) {
	case 0:
		n.crash()
	case 1:
		if n.core != nil && w.now >= n.pausedUntil {
			n.silentSince = w.now
			n.pausedUntil = w.now + w.delay(10, 9000)
		}
	}
	w.at(w.delay(200, 4000), w.fault)
}
