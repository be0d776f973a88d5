package sim

import (
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// people say things now and then while faults last: pause and go on, hold and lift,
// dismiss an incident and see it come back as another one of the same environment.
func (w *world) people() {
	if !w.faulty() {
		w.say(orchestrator.Command{Verb: "unpause"})
		for _, e := range environments() {
			w.hold(e, "lift")
		}
		return
	}
	e := environments()[w.rng.IntN(len(environments()))]
	switch w.rng.IntN(8) {
	case 0:
		w.say(orchestrator.Command{Verb: "pause"})
		w.at(w.delay(100, 3000), func() { w.say(orchestrator.Command{Verb: "unpause"}) })
	case 1:
		w.hold(e, "set")
		w.at(w.delay(100, 5000), func() { w.hold(e, "lift") })
	case 2:
		w.again(e)
	}
	w.at(w.delay(500, 6000), w.people)
}

// again dismisses the open incident of an environment; the signal fires anew.
func (w *world) again(e string) {
	n := w.openOf(e)
	if n == 0 {
		return
	}
	w.say(orchestrator.Command{Verb: "dismiss", Incident: n})
	w.order++
	id := fmt.Sprint("alert-", e, "-", w.order)
	ev := orchestrator.Event{Origin: "sim", ID: id, Type: orchestrator.AlertFiring, Project: "shop", Environment: e, Name: id, Severity: "critical", StartsAt: epochMS + w.now}
	w.at(w.delay(0, 2000), func() { w.send(id, ev) })
}

// openOf is the open incident of an environment as the log has it, 0 for none.
func (w *world) openOf(e string) uint64 {
	for n := w.judge.state.Meta().NextIncident; n > 0; n-- {
		if inc, _ := w.judge.state.Incident(n); inc != nil && inc.Environment == e && inc.State.Open() {
			return n
		}
	}
	return 0
}

func (w *world) hold(e, action string) {
	w.say(orchestrator.Command{Verb: "hold", Project: "shop", Args: map[string]string{"environment": e, "action": action}})
}

// say appends what a person said; people repeat themselves until they are heard.
func (w *world) say(c orchestrator.Command) {
	w.order++
	c.ID, c.Via, c.Person = fmt.Sprint("c", w.order), "cli", "ann"
	if err := w.append(record(orchestrator.Record{Command: &c}, orchestrator.SubjectCommands, w)); err != nil {
		w.broken = err
	}
}

// housekeep copies the state of a living node and trims the log up to the copy
// before it.
func (w *world) housekeep() {
	if !w.faulty() {
		return
	}
	if n := w.nodes[w.rng.IntN(len(w.nodes))]; n.core != nil && w.now >= n.pausedUntil {
		if err := n.core.State().Flush(); err != nil {
			w.broken = err
			return
		}
		if at := n.core.State().Meta().Cursor; len(w.copied) == 0 || at > w.copied[len(w.copied)-1].cursor {
			if len(w.copied) > 0 {
				w.trimmed = w.copied[len(w.copied)-1].cursor
			}
			w.copied = append(w.copied, copied{at, n.view.Clone()})
		}
	}
	w.at(w.delay(1000, 9000), w.housekeep)
}
