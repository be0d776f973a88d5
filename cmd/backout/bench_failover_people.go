package main

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

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
