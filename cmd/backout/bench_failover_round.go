package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// failoverLook is how often a round looks whether something has come.
const failoverLook = 10 * time.Millisecond

// barFailover is DESIGN section 7, row 6: milliseconds until the next step's call.
const barFailover = 4000

// failoverLoss is one way to lose a process, and how it comes back.
type failoverLoss struct {
	key, name string
	bar       float64
	// leader is set when what is lost is the NATS server that leads the log.
	leader       bool
	strike, mend func(ctx context.Context, w *failoverWorld, i int) error
}

func failoverLosses() []failoverLoss {
	again := func(ctx context.Context, w *failoverWorld, i int) error { return w.startInstance(ctx, i) }
	none := func(context.Context, *failoverWorld, int) error { return nil }
	return []failoverLoss{
		{key: "sigkill", name: "SIGKILL of the owner", bar: barFailover, mend: again, strike: func(_ context.Context, w *failoverWorld, i int) error { w.procs[i].kill9(); return nil }},
		{key: "sigterm", name: "SIGTERM of the owner", bar: barFailover, strike: func(_ context.Context, w *failoverWorld, i int) error {
			return w.procs[i].Process.Signal(syscall.SIGTERM)
		}, mend: func(ctx context.Context, w *failoverWorld, i int) error {
			return errors.Join(w.procs[i].end(), again(ctx, w, i))
		}},
		{
			key: "sigstop", name: "SIGSTOP of the owner", bar: barFailover,
			strike: func(_ context.Context, w *failoverWorld, i int) error { return w.procs[i].freeze(true) },
			mend:   func(_ context.Context, w *failoverWorld, i int) error { return w.procs[i].freeze(false) },
		},
		{
			key: "nats", name: "SIGKILL of the NATS server that leads the log", leader: true,
			strike: func(_ context.Context, w *failoverWorld, i int) error { w.nats.nodes[i].kill9(); return nil },
			mend:   func(ctx context.Context, w *failoverWorld, i int) error { return w.nats.startNode(ctx, i) },
		},
		{key: "nothing", name: "control: nothing is lost", strike: none, mend: none},
	}
}

// projects are what the rounds use up: one for each loss, and before it those whose
// steps are on their way then. All of a round are in one partition, so one instance
// acts for them.
func (b *failoverBench) projects(losses int) (all []string) {
	for n := range losses {
		first := fmt.Sprintf("shop%d", n)
		all = append(all, first)
		home := orchestrator.Partition(first, "production", clusterPartitions)
		for k, found := 0, 0; found < b.inFlight; k++ {
			if name := fmt.Sprintf("shop%d-%d", n, k); orchestrator.Partition(name, "production", clusterPartitions) == home {
				all = append(all, name)
				found++
			}
		}
	}
	return all
}

// measure loses everything in turn, round by round, and audits at the end.
func (b *failoverBench) measure(ctx context.Context, w *failoverWorld, all []failoverLoss) ([]failoverLine, error) {
	rounds, used := make([][]failoverRound, len(all)), make([][]string, len(all))
	left := b.projects(b.rounds * len(all))
	for r := range b.rounds {
		for i, l := range all {
			mine := left[:1+b.inFlight]
			left = left[len(mine):]
			got, err := w.round(ctx, l, mine)
			if err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", r+1, l.name, err)
			}
			fmt.Fprintf(b.log, "round %d, %s: the next step's call after %.0f ms, an event acknowledged after %.0f ms\n", r+1, l.name, ms(got.step), ms(got.event))
			rounds[i], used[i] = append(rounds[i], got), append(used[i], mine...)
		}
	}
	w.stop()
	if err := w.comeToRest(ctx, b.projects(b.rounds*len(all))); err != nil {
		return nil, err
	}
	lines := make([]failoverLine, len(all))
	for i, l := range all {
		lines[i] = failoverLineOf(l, rounds[i])
		if err := w.audit(ctx, &lines[i], used[i]); err != nil {
			return nil, err
		}
	}
	w.events.Acknowledged = len(w.pub.acked)
	w.events.Lost = len(w.pub.lost(ctx, func(path string, query url.Values, v any) error { return w.people[0].get(ctx, path, query, v) }))
	return lines, nil
}

func failoverLineOf(l failoverLoss, rounds []failoverRound) failoverLine {
	of := func(part func(failoverRound) time.Duration) spread {
		var all []float64
		for _, r := range rounds {
			if d := part(r); d > 0 {
				all = append(all, ms(d))
			}
		}
		return spreadOf(all)
	}
	return failoverLine{
		Loss: l.name, bar: l.bar,
		Step:    of(func(r failoverRound) time.Duration { return r.step }),
		Event:   of(func(r failoverRound) time.Duration { return r.event }),
		Elected: of(func(r failoverRound) time.Duration { return r.elected }),
	}
}

// round loses one process while the first of the projects waits for a yes, and those
// behind it have just got theirs.
func (w *failoverWorld) round(ctx context.Context, l failoverLoss, projects []string) (got failoverRound, err error) {
	if err := w.waitWhole(ctx); err != nil {
		return got, err
	}
	steps := make([]console.Incident, len(projects))
	for i, project := range projects {
		if steps[i], err = w.asks(ctx, project); err != nil {
			return got, err
		}
	}
	owner, err := w.owner(ctx, projects[0])
	if err != nil {
		return got, err
	}
	nc, js, err := w.nats.connect()
	if err != nil {
		return got, err
	}
	defer nc.Close()
	other, lost := (owner+1)%3, owner
	if l.leader {
		if lost, err = logLeader(ctx, js); err != nil {
			return got, err
		}
	}
	for i := range steps[1:] {
		w.yes(ctx, other, &steps[i+1])
	}
	since := time.Now()
	if err := l.strike(ctx, w, lost); err != nil {
		return got, fmt.Errorf("losing it: %w", err)
	}
	elected := make(chan time.Duration, 1)
	go func() { elected <- w.elected(ctx, l, lost, since) }()
	if got.step, err = w.gap(ctx, other, &steps[0], since); err != nil {
		return got, err
	}
	got.elected = <-elected
	if err := w.wait(ctx, "an event to be acknowledged", func() (ok bool) {
		got.event, ok = w.clock.pause(since)
		return ok
	}); err != nil {
		return got, err
	}
	return got, l.mend(ctx, w, lost)
}

// elected is how long it takes until NATS has another leader of the log; 0 when it was
// not the leader that was lost.
func (w *failoverWorld) elected(ctx context.Context, l failoverLoss, lost int, since time.Time) (took time.Duration) {
	if !l.leader {
		return 0
	}
	_ = w.wait(ctx, "NATS to elect", func() bool {
		nc, js, err := w.nats.connect()
		if err != nil {
			return false
		}
		defer nc.Close()
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		n, err := logLeader(ctx, js)
		took = time.Since(since)
		return err == nil && n != lost
	})
	return took
}

func (w *failoverWorld) wait(ctx context.Context, what string, ok func() bool) error {
	return pollEvery(ctx, failoverLook, failoverSettle, what, ok)
}

func (w *failoverWorld) waitWhole(ctx context.Context) error {
	return w.wait(ctx, "the three instances to share the work", func() bool {
		var cl engine.Cluster
		return w.people[0].get(ctx, "/api/v1/cluster", nil, &cl) == nil && whole(&cl, 3)
	})
}

// owner is the instance that acts for a project.
func (w *failoverWorld) owner(ctx context.Context, project string) (owner int, err error) {
	return owner, w.wait(ctx, "somebody to act for "+project, func() bool {
		for i, you := range w.people {
			var cl engine.Cluster
			if you.get(ctx, "/api/v1/cluster", nil, &cl) == nil && cl.Self == ownerOf(&cl, project) {
				owner = i
				return true
			}
		}
		return false
	})
}

// asks publishes a critical alert of a project and waits until its step asks for a yes.
func (w *failoverWorld) asks(ctx context.Context, project string) (inc console.Incident, err error) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	w.pub.urgent <- event{"alert", eventFrom("bench", project, orchestrator.AlertFiring, map[string]any{
		"project": project, "environment": "production", "name": "HighErrorRate", "severity": "critical",
		"fingerprint": project, "summary": "5 % of requests fail", "starts_at": now,
	})}
	return inc, w.wait(ctx, "a question about "+project, func() bool {
		var open []console.Incident
		if w.people[0].get(ctx, "/api/v1/incidents", url.Values{"open": {"true"}, "limit": {"1000"}}, &open) != nil {
			return false
		}
		i := slices.IndexFunc(open, func(o console.Incident) bool { return o.Project == project })
		if i < 0 {
			return false
		}
		w.opened[project] = open[i].ID
		inc = console.Incident{}
		return w.people[0].get(ctx, "/api/v1/incidents/"+open[i].ID, nil, &inc) == nil && mailStep(&inc).Preview != nil
	})
}

func mailStep(inc *console.Incident) console.Step {
	for _, s := range inc.Steps {
		if s.ID == "mail" {
			return s
		}
	}
	return console.Step{}
}

// yes approves the step of an incident on one of the instances.
func (w *failoverWorld) yes(ctx context.Context, on int, inc *console.Incident) {
	s := mailStep(inc)
	if s.Preview != nil {
		_, _ = w.people[on].say(ctx, "approve "+inc.ID+" mail preview="+s.Preview.Hash)
	}
}

// gap says yes, again and again, and takes the time from the loss until the call of the
// step came in.
func (w *failoverWorld) gap(ctx context.Context, on int, inc *console.Incident, since time.Time) (took time.Duration, err error) {
	return took, w.wait(ctx, "the next step's call", func() bool {
		if got, err := w.mails(ctx, inc.ID); err == nil && len(got) > 0 {
			took = got[0].At.Sub(since)
			return true
		}
		var now console.Incident
		if w.people[on].get(ctx, "/api/v1/incidents/"+inc.ID, nil, &now) == nil && mailStep(&now).State == string(orchestrator.StepAwaiting) {
			w.yes(ctx, on, &now)
		}
		return false
	})
}

// mails are the notices that came in for an incident.
func (w *failoverWorld) mails(ctx context.Context, incident string) ([]sandbox.Mail, error) {
	var all []sandbox.Mail
	if err := fetch(ctx, w.urls.SendGrid+"/_sandbox/mails", &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(m sandbox.Mail) bool {
		_, notice := m.CustomArgs["backout_key"].(string)
		return !notice || m.CustomArgs["incident"] != incident
	}), nil
}

// comeToRest waits until every step is done, and lets a person look for what nobody
// knows the outcome of.
func (w *failoverWorld) comeToRest(ctx context.Context, projects []string) error {
	left := slices.Clone(projects)
	return w.wait(ctx, "every step to end", func() bool {
		left = slices.DeleteFunc(left, func(project string) bool { return w.ended(ctx, w.opened[project]) })
		return len(left) == 0
	})
}

// ended reports whether the step of an incident is done. It settles what waits for a
// person.
func (w *failoverWorld) ended(ctx context.Context, id string) bool {
	var inc console.Incident
	if w.people[0].get(ctx, "/api/v1/incidents/"+id, nil, &inc) != nil {
		return false
	}
	s := mailStep(&inc)
	switch {
	case s.State == string(orchestrator.StepDone):
		return true
	case s.State == string(orchestrator.StepAwaiting):
		w.yes(ctx, 0, &inc) // its yes was lost with the instance that was to take it
	case strings.Contains(s.WaitingOn, "a person: "):
		w.settle(ctx, id)
	}
	return false
}

func (w *failoverWorld) settle(ctx context.Context, id string) {
	got, err := w.mails(ctx, id)
	if err != nil {
		return
	}
	words, again := "confirm-done", 0
	if len(got) == 0 {
		words, again = "retry", 1
	}
	if r, err := w.people[0].say(ctx, words+" "+id+" mail chunk=all"); err == nil && r.OK {
		w.events.InDoubt, w.events.Again = w.events.InDoubt+1, w.events.Again+again
	}
}

// audit counts how often the steps of a line were called.
func (w *failoverWorld) audit(ctx context.Context, l *failoverLine, projects []string) error {
	for _, project := range projects {
		got, err := w.mails(ctx, w.opened[project])
		if err != nil {
			return err
		}
		l.Steps++
		switch {
		case len(got) == 0:
			l.Lost++
		case len(got) > 1:
			l.Twice++
		}
	}
	return nil
}
