package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// failoverLook is how often a round looks whether something has come.
const failoverLook = 10 * time.Millisecond

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
			fmt.Fprintf(b.log, "round %d, %s: the next step's call after %.0f ms, an event acknowledged after %.0f ms%s\n", r+1, l.name, ms(got.step), ms(got.event), electedIn(got))
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

func electedIn(r failoverRound) string {
	if r.elected == 0 {
		return ""
	}
	return fmt.Sprintf(", NATS elected after %.0f ms", ms(r.elected))
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
	lost, other := owner, (owner+1)%3
	if l.leader {
		if lost, err = w.nats.leaderNow(ctx); err != nil {
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
	vote, stop := context.WithCancel(ctx)
	defer stop()
	var election sync.WaitGroup
	election.Go(func() { got.elected = w.elected(vote, l, lost, since) })
	step, err := w.gap(ctx, other, &steps[0], since)
	if err != nil {
		stop()
	}
	election.Wait()
	if got.step = step; err != nil {
		return got, err
	}
	err = w.wait(ctx, "an event to be acknowledged", func() (ok bool) {
		got.event, ok = w.clock.pause(since)
		return ok
	})
	return got, errors.Join(err, l.mend(ctx, w, lost))
}

// elected is how long it takes until NATS has another leader of the log; 0 when it was
// not the leader that was lost.
func (w *failoverWorld) elected(ctx context.Context, l failoverLoss, lost int, since time.Time) (took time.Duration) {
	if !l.leader {
		return 0
	}
	_ = w.wait(ctx, "NATS to elect", func() bool {
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		n, err := w.nats.leaderNow(ctx)
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
