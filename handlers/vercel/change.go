package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// The kinds of change, as lastAliasRequest.type has them.
const (
	kindRollback = "rollback"
	kindPromote  = "promote"
)

const (
	callTimeout = 20 * time.Second
	settleTime  = 5 * time.Second
	firstCheck  = 500 * time.Millisecond
	jobLimit    = 3 * time.Minute // What Vercel's own CLI waits.
	queueLimit  = 30 * time.Minute
	conflictGap = 2 * time.Second
	// maxDescription is of the rollbackDescription schema, in characters.
	maxDescription = 250
)

// change is vercel.rollback and vercel.promote: both move the production domains
// to a deployment that is already built.
type change struct {
	client *Client
	kind   string
}

// changeInput is what a step gives; a promote may name a commit instead of a target.
type changeInput struct {
	Project     string   `json:"project"`
	Expect      string   `json:"expect_serving"`
	Target      string   `json:"target"`
	Commit      string   `json:"commit"`
	Description string   `json:"description"`
	Domains     []string `json:"domains"`
}

// Spec says what the change needs.
func (ch *change) Spec() orchestrator.Spec {
	s := orchestrator.Spec{
		Name: "vercel." + ch.kind, Effect: true, Safety: orchestrator.Verifiable, Serving: true,
		CallTimeout: callTimeout.Milliseconds(), Settle: settleTime.Milliseconds(),
		Inputs:      []string{"project", "expect_serving", "target", "description?", "domains"},
		Permissions: []string{"a token of a team member who may deploy to production"},
	}
	if ch.kind == kindPromote {
		s.Forward = true
		s.Inputs = []string{"project", "expect_serving", "target?", "commit?", "domains", "under_hold?"}
	}
	return s
}

func (ch *change) input(c orchestrator.Call) (changeInput, error) {
	var in changeInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	switch {
	case in.Target != "" && !isDeployment.MatchString(in.Target):
		return in, wrongID(c, "target", in.Target)
	case in.Expect == "":
		return in, orchestrator.Permanent(fmt.Errorf("step %s does not say which deployment it expects to serve", c.Step))
	case !isDeployment.MatchString(in.Expect):
		return in, wrongID(c, "expect_serving", in.Expect)
	}
	return in, nil
}

// Observe answers what serves now, by alias record: it must be quick, and a page
// that is ill must not keep it from seeing.
func (ch *change) Observe(ctx context.Context, c orchestrator.Call) (orchestrator.Serving, error) {
	in, err := ch.input(c)
	if err != nil {
		return orchestrator.Serving{}, err
	}
	s, err := ch.client.look(ctx, in.Project, in.Domains)
	if err != nil {
		return orchestrator.Serving{}, err
	}
	if id := s.every(); id != "" {
		return s.serving(id), nil
	}
	target, err := ch.target(ctx, in, c)
	if err != nil {
		return orchestrator.Serving{}, err
	}
	id, err := s.settled(in.Expect, target)
	return s.serving(id), err
}

// Do looks once more and then asks Vercel, unless the situation is not the one
// the step was made for.
func (ch *change) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := ch.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	if in.Target, err = ch.target(ctx, in, c); err != nil {
		return orchestrator.Output{}, err
	}
	s, err := ch.client.look(ctx, in.Project, in.Domains)
	if err != nil {
		return orchestrator.Output{}, err
	}
	serves, err := s.settled(in.Expect, in.Target)
	switch {
	case err != nil:
		return orchestrator.Output{}, orchestrator.RetryAfter(err, conflictGap)
	case serves == in.Target && !ch.aborts(s, in):
		return orchestrator.Output{Data: result(in.Target, in.Expect), Text: in.Target + " serves already"}, nil
	case serves != in.Expect && s.canary != in.Expect && !ch.aborts(s, in):
		return orchestrator.Output{Superseded: true, Text: serves + " serves instead of " + in.Expect + "; nothing was called"}, nil
	case s.project.Last.running():
		return ch.underWay(s.project.Last, in)
	}
	return ch.ask(ctx, in, s.project)
}

// aborts tells whether the change ends a rolling release: there is no other way than a
// rollback to the base, which serves most visitors already.
func (ch *change) aborts(s sight, in changeInput) bool {
	return ch.kind == kindRollback && s.canary != "" && in.Target == s.live
}

// underWay answers when a request is being worked on: the very one we want, from
// an attempt whose answer was lost or from a person, or another, which must end first.
func (ch *change) underWay(last *aliasRequest, in changeInput) (orchestrator.Output, error) {
	if last.is(ch.kind, in.Target) {
		return accepted(mark{T0: last.At, Type: ch.kind, Target: in.Target}, false), nil
	}
	err := fmt.Errorf("vercel is busy with a %s to %s that somebody else asked for", last.Type, last.To)
	return orchestrator.Output{}, orchestrator.RetryAfter(err, conflictGap)
}

// ask makes the request.
func (ch *change) ask(ctx context.Context, in changeInput, p project) (orchestrator.Output, error) {
	m := mark{T0: ch.client.now().UnixMilli(), Type: ch.kind, Target: in.Target}
	if p.Last != nil {
		m.Seen = p.Last.At
	}
	path, query := "/v10/projects/"+url.PathEscape(in.Project)+"/promote/"+in.Target, url.Values{}
	if ch.kind == kindRollback {
		path = "/v1/projects/" + url.PathEscape(in.Project) + "/rollback/" + in.Target
		if in.Description != "" {
			query.Set("description", cut(in.Description))
		}
	}
	a, err := ch.client.call(ctx, http.MethodPost, path, query)
	if err != nil {
		return orchestrator.Output{}, outbound.Doubt(fmt.Errorf("asking Vercel %s: %w", ch.todo(in), err))
	}
	switch a.Status {
	case http.StatusOK, http.StatusCreated:
		return accepted(m, false), nil
	case http.StatusAccepted: // Queued until the rolling release that is active ends.
		return accepted(m, true), nil
	case http.StatusConflict:
		return ch.conflict(ctx, in, a)
	}
	return orchestrator.Output{}, refused(a, true, ch.todo(in))
}

// conflict looks what stood in the way: the target serves, or a request is being
// worked on. Nothing was done, so anything else is tried again.
func (ch *change) conflict(ctx context.Context, in changeInput, a outbound.Answer) (orchestrator.Output, error) {
	s, err := ch.client.look(ctx, in.Project, in.Domains)
	switch {
	case err != nil:
		return orchestrator.Output{}, err
	case s.every() == in.Target && s.canary == "":
		return orchestrator.Output{Data: result(in.Target, in.Expect), Text: in.Target + " serves already"}, nil
	case s.project.Last.running():
		return ch.underWay(s.project.Last, in)
	}
	err = errors.New("vercel put off " + ch.todo(in)[len("to "):] + ": " + errorOf(a.Body).Message)
	return orchestrator.Output{}, orchestrator.RetryAfter(err, conflictGap)
}

func (ch *change) todo(in changeInput) string {
	if ch.kind == kindRollback {
		return "to roll " + in.Project + " back to " + in.Target
	}
	return "to promote " + in.Target + " of " + in.Project
}

func accepted(m mark, queued bool) orchestrator.Output {
	limit, text := jobLimit, "Vercel took the request"
	if queued {
		limit, text = queueLimit, "Vercel queued the request until the active rolling release ends"
	}
	return orchestrator.Output{Text: text, Accepted: &orchestrator.Accepted{
		Token: m.token(), CheckAfter: firstCheck.Milliseconds(), Until: limit.Milliseconds(),
	}}
}

// result is the data of a change that happened.
func result(target, previous string) json.RawMessage {
	data, err := json.Marshal(map[string]string{"deployment_id": target, "previous": previous})
	if err != nil {
		return nil // Strings always encode.
	}
	return data
}

// cut shortens a description to what Vercel takes.
func cut(text string) string {
	if runes := []rune(text); len(runes) > maxDescription {
		return string(runes[:maxDescription])
	}
	return text
}
