package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// stepMeta is the key of a deployment's meta that says which step built it. Vercel
	// takes no idempotency key, so this is how a build is found again.
	stepMeta   = "backoutStep"
	buildLimit = 45 * time.Minute // Vercel's own limit of a build.
	buildCheck = 5 * time.Second
)

// redeploy is vercel.redeploy: the same commit is built anew, with the variables as
// they are now. It goes live by itself unless production was rolled back: then it
// stays staged and a promote must follow.
type redeploy struct{ client *Client }

type redeployInput struct {
	Project string   `json:"project"`
	Expect  string   `json:"expect_serving"`
	Source  string   `json:"deployment"`
	Domains []string `json:"domains"`
}

// Spec says what the build needs.
func (a *redeploy) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "vercel.redeploy", Effect: true, Safety: orchestrator.Verifiable, Serving: true, Forward: true,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs:      []string{"project", "expect_serving", "deployment", "domains", "under_hold?"},
		Permissions: []string{"a token of a team member who may deploy to production"},
	}
}

func (a *redeploy) input(c orchestrator.Call) (redeployInput, error) {
	var in redeployInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	switch {
	case !isDeployment.MatchString(in.Source):
		return in, wrongID(c, "deployment", in.Source)
	case !isDeployment.MatchString(in.Expect):
		return in, wrongID(c, "expect_serving", in.Expect)
	}
	return in, nil
}

// Observe answers what serves now, by Vercel's records.
func (a *redeploy) Observe(ctx context.Context, c orchestrator.Call) (orchestrator.Serving, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Serving{}, err
	}
	s, err := a.client.look(ctx, in.Project, in.Domains)
	if err != nil {
		return orchestrator.Serving{}, err
	}
	id, err := s.settled(in.Expect, "")
	return s.serving(id), err
}

// Do looks whether the build is there already, then asks for it.
func (a *redeploy) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	s, err := a.client.look(ctx, in.Project, in.Domains)
	if err != nil {
		return orchestrator.Output{}, err
	}
	made, found, err := a.find(ctx, in.Project, c)
	switch {
	case err != nil:
		return orchestrator.Output{}, err
	case found:
		return building(made.id()), nil
	}
	serves, err := s.settled(in.Expect, "")
	switch {
	case err != nil:
		return orchestrator.Output{}, orchestrator.RetryAfter(err, conflictGap)
	case serves != in.Expect:
		return orchestrator.Output{Superseded: true, Text: serves + " serves instead of " + in.Expect + "; nothing was built"}, nil
	}
	return a.ask(ctx, in, s.project, c.Key)
}

func (a *redeploy) ask(ctx context.Context, in redeployInput, p project, key string) (orchestrator.Output, error) {
	todo := "to build " + in.Source + " of " + in.Project + " anew"
	body, err := json.Marshal(map[string]any{
		"deploymentId": in.Source, "name": p.Name, "target": "production", "meta": map[string]string{"action": "redeploy", stepMeta: key},
	})
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the request %s: %w", todo, err)
	}
	r := outbound.Request{Method: http.MethodPost, URL: "/v13/deployments", Body: body}
	answer, err := a.client.send(ctx, r, url.Values{"forceNew": {"1"}})
	switch {
	case err != nil:
		return orchestrator.Output{}, outbound.Doubt(fmt.Errorf("asking Vercel %s: %w", todo, err))
	case answer.Status != http.StatusOK && answer.Status != http.StatusCreated:
		return orchestrator.Output{}, refused(answer, true, todo)
	}
	var made deployment
	if err := json.Unmarshal(answer.Body, &made); err != nil || made.id() == "" {
		return orchestrator.Output{}, orchestrator.InDoubt(errors.New("Vercel took the request " + todo + " and its answer names no deployment"))
	}
	return building(made.id()), nil
}

func building(id string) orchestrator.Output {
	return orchestrator.Output{Text: "Vercel builds " + id, Accepted: &orchestrator.Accepted{
		Token: id, CheckAfter: buildCheck.Milliseconds(), Until: buildLimit.Milliseconds(),
	}}
}

// find looks for the build of this step among those made since its first attempt.
func (a *redeploy) find(ctx context.Context, project string, c orchestrator.Call) (deployment, bool, error) {
	query := url.Values{"limit": {"100"}}
	if !c.Since.IsZero() {
		query.Set("since", strconv.FormatInt(c.Since.Add(-skew).UnixMilli(), 10))
	}
	rows, err := a.client.deployments(ctx, project, query)
	if err != nil {
		return deployment{}, false, err
	}
	for _, d := range rows {
		if d.Meta[stepMeta] == c.Key && c.Key != "" {
			return d, true, nil
		}
	}
	return deployment{}, false, nil
}

// Verify looks what became of the build; without a token it is found by its meta.
func (a *redeploy) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	var d deployment
	if isDeployment.MatchString(token) {
		if err := a.client.read(ctx, "deployment "+token, "/v13/deployments/"+token, nil, &d); err != nil {
			return cannotTell(err), nil
		}
		return built(d), nil
	}
	d, found, err := a.find(ctx, in.Project, c)
	switch {
	case err != nil:
		return cannotTell(err), nil
	case !found:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "Vercel has no build of this step"}, nil
	}
	return built(d), nil
}

// built tells of a build. Its data names no deployment_id: a build is not yet what
// serves, and may stay staged.
func built(d deployment) orchestrator.Outcome {
	switch d.State {
	case "READY":
		data, err := json.Marshal(map[string]any{"built": d.id(), "url": d.URL, "commit": d.commit(), "staged": d.Substate == "STAGED"})
		if err != nil {
			return cannotTell(err)
		}
		return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: d.id() + " is built", Data: data}
	case "ERROR", "CANCELED", "BLOCKED":
		return orchestrator.Outcome{Kind: orchestrator.OutcomeFailed, Text: "Vercel says " + d.State + " of the build " + d.id() + "; its log is in the dashboard. What serves is untouched"}
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: d.id() + " is " + d.State, CheckAfter: buildCheck.Milliseconds()}
}

// Plan reads the deployment and says what would be built.
func (a *redeploy) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	s, err := a.client.lookProject(ctx, in.Project)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	var d deployment
	if err := a.client.read(ctx, "deployment "+in.Source, "/v13/deployments/"+in.Source, nil, &d); err != nil {
		return orchestrator.Preview{}, err
	}
	then := "It goes live when it is ready."
	if !s.project.AutoAssign {
		then = "It stays staged: production does not take new builds by itself now."
	}
	g := goal{Target: in.Source, Commit: d.commit(), Name: s.project.Name}
	data, err := json.Marshal(g)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	manual := "vercel redeploy " + in.Source
	if a.client.team != "" {
		manual += " --scope " + a.client.team
	}
	return orchestrator.Preview{
		Text:   fmt.Sprintf("Build %s of %s%s anew for production, with the variables as they are now. %s", in.Source, g.Name, short(g.Commit), then),
		Manual: manual, Data: data,
	}, nil
}
