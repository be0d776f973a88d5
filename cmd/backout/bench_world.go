package main

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

// Every event of a bench has an environment of its own, so each opens an
// incident of its own. The configuration must fit into one message of 1 MiB.
const (
	benchEnvironments = 20_000
	benchPerProject   = 100
	benchPerson       = "ann"
	benchSlackUser    = "U0ANN"
)

// benchWorld is the configuration and the plan a bench runs on: projects full
// of environments, live mode, the embedded rules, and one action repeated.
type benchWorld struct {
	// first is the number of the first environment.
	first        int
	environments int
	// asks puts a question to a person before the steps.
	asks  bool
	steps int
	spec  orchestrator.Spec
	// routes adds the match rules for the labels service and env.
	routes bool
	// budget is policies.limits.source_budget; 0 lets every source send what it
	// wants.
	budget int
}

// benchAsk is the step of the question, benchAnswer what goes on from there.
const (
	benchAsk    = "wait"
	benchAnswer = "go"
)

func benchProject(i int) string { return fmt.Sprintf("p%d", i/benchPerProject) }

func benchEnvironment(i int) string { return fmt.Sprintf("e%d", i) }

func (w benchWorld) config() orchestrator.Config {
	budget := w.budget
	if budget == 0 {
		budget = math.MaxInt32
	}
	cfg := orchestrator.Config{
		Mode:   orchestrator.Live,
		People: []orchestrator.Person{{ID: benchPerson, Name: benchPerson, Slack: benchSlackUser, Roles: []string{"on-call"}}},
		// What is measured is the road of an incident, not how long it waits to be
		// sure, nor what is counted instead of kept.
		Policies: orchestrator.Policies{Limits: orchestrator.Limits{ConfirmPage: -1, SourceBudget: budget}},
	}
	for i := w.first; i < w.first+w.environments; i++ {
		if i == w.first || i%benchPerProject == 0 {
			cfg.Projects = append(cfg.Projects, orchestrator.Project{ID: benchProject(i)})
		}
		p := &cfg.Projects[len(cfg.Projects)-1]
		p.Environments = append(p.Environments, orchestrator.Environment{ID: benchEnvironment(i), Kind: orchestrator.KindProduction})
		if w.routes {
			labels := map[string]string{"service": benchProject(i), "env": benchEnvironment(i)}
			p.Match = append(p.Match, orchestrator.Match{Source: "alertmanager", Labels: labels, Environment: benchEnvironment(i)})
		}
	}
	return cfg
}

// plan is a row of nodes, one after another; the end of the last one resolves
// the incident.
func (w benchWorld) plan() orchestrator.Plan {
	plan := orchestrator.Plan{Playbook: "respond", Title: "Bench"}
	if w.asks {
		plan.Nodes = append(plan.Nodes, orchestrator.Node{
			ID: benchAsk, Path: benchAsk, Title: "Wait for a person", Kind: orchestrator.NodeAsk,
			Ask: &orchestrator.Ask{
				Roles: []string{"on-call"}, Within: "30d", Else: orchestrator.ElsePage,
				Choice: []orchestrator.Choice{{Key: benchAnswer, Text: "Go on"}, {Key: "leave", Text: "Leave it"}},
			},
		})
	}
	for i := range w.steps {
		id := fmt.Sprintf("step%d", i+1)
		plan.Nodes = append(plan.Nodes, orchestrator.Node{ID: id, Path: id, Title: "Step " + fmt.Sprint(i+1), Kind: orchestrator.NodeAction, Action: w.spec.Name, Spec: w.spec})
	}
	for i := range plan.Nodes {
		if plan.Nodes[i].Ordinal = i; i > 0 {
			plan.Nodes[i].Needs = []int{i - 1}
		}
	}
	plan.Nodes[len(plan.Nodes)-1].Then = "resolved"
	return plan
}

// documents are the embedded rules and the bench's plan under the name the rules
// start for a critical signal without a suspect.
func (w benchWorld) documents() ([]orchestrator.Doc, error) {
	lib, err := loadLibrary("")
	if err != nil {
		return nil, err
	}
	_, rules, err := lib.RuleSet()
	if err != nil {
		return nil, fmt.Errorf("compiling the rules: %w", err)
	}
	plan, err := json.Marshal(w.plan())
	if err != nil {
		return nil, fmt.Errorf("encoding the bench's plan: %w", err)
	}
	return []orchestrator.Doc{
		{Kind: orchestrator.DocPlaybook, Name: "respond", Hash: workflows.Hash(plan), Body: plan},
		{Kind: orchestrator.DocRules, Hash: workflows.Hash(rules), Body: rules},
	}, nil
}

// benchRecord is the alert for environment i as an HTTP hook would hand it over.
func benchRecord(i int) orchestrator.Record {
	now := time.Now().UnixMilli()
	return orchestrator.Record{Event: &orchestrator.Event{
		Origin: "http/bench", ID: benchEnvironment(i), Type: orchestrator.AlertFiring, Source: "bench", Time: now,
		Project: benchProject(i), Environment: benchEnvironment(i), Name: "HighErrorRate", Severity: "critical",
		Fingerprint: "bench", Summary: "5 % of requests fail", StartsAt: now,
	}}
}

// benchCloudEvent is the same alert as a publisher sends it over NATS.
func benchCloudEvent(i int) ([]byte, error) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": benchEnvironment(i), "source": "bench", "type": orchestrator.AlertFiring, "time": now,
		"datacontenttype": "application/json",
		"data": map[string]any{
			"project": benchProject(i), "environment": benchEnvironment(i), "name": "HighErrorRate", "severity": "critical",
			"fingerprint": "bench", "summary": "5 % of requests fail", "starts_at": now,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return body, nil
}
