package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

// gitHubWait bounds how long GitHub waits for the log: it gives up after ten
// seconds, and it never repeats a delivery by itself.
const gitHubWait = 9 * time.Second

// GitHub's events that mean something here, as X-GitHub-Event says them; all
// others, ping among them, are ignored.
const (
	gitHubDeployment = "deployment_status"
	gitHubRun        = "workflow_run"
	gitHubSecret     = "secret_scanning_alert"
)

// gitHubBody joins what the payloads of the three events hold (GitHub's webhook
// documentation). The secret of an alert is not read.
type gitHubBody struct {
	Action     string `json:"action"`
	Repository struct {
		FullName      loose `json:"full_name"`
		DefaultBranch loose `json:"default_branch"`
	} `json:"repository"`

	Status *struct {
		ID             json.Number     `json:"id"`
		State          loose           `json:"state"`
		Environment    loose           `json:"environment"`
		EnvironmentURL loose           `json:"environment_url"`
		TargetURL      loose           `json:"target_url"`
		CreatedAt      json.RawMessage `json:"created_at"`
	} `json:"deployment_status"`
	Deployment struct {
		ID          json.Number `json:"id"`
		SHA         loose       `json:"sha"`
		Environment loose       `json:"environment"`
	} `json:"deployment"`

	Run *struct {
		ID         json.Number     `json:"id"`
		Workflow   json.Number     `json:"workflow_id"`
		Attempt    int             `json:"run_attempt"`
		Name       loose           `json:"name"`
		Branch     loose           `json:"head_branch"`
		SHA        loose           `json:"head_sha"`
		Event      loose           `json:"event"`
		Conclusion loose           `json:"conclusion"`
		URL        loose           `json:"html_url"`
		StartedAt  json.RawMessage `json:"run_started_at"`
		Head       struct {
			FullName loose `json:"full_name"`
		} `json:"head_repository"`
	} `json:"workflow_run"`

	Alert *struct {
		Number     json.Number     `json:"number"`
		Kind       loose           `json:"secret_type"`
		KindName   loose           `json:"secret_type_display_name"`
		State      loose           `json:"state"`
		Resolution loose           `json:"resolution"`
		Validity   loose           `json:"validity"`
		URL        loose           `json:"html_url"`
		Bypassed   bool            `json:"push_protection_bypassed"`
		Public     bool            `json:"publicly_leaked"`
		CreatedAt  json.RawMessage `json:"created_at"`
		UpdatedAt  json.RawMessage `json:"updated_at"`
		ResolvedAt json.RawMessage `json:"resolved_at"`
	} `json:"alert"`
}

// DecodeGitHub reads a webhook of GitHub. To set it up: repository: OWNER/NAME at the
// project; in the repository's settings a webhook to /hooks/github, content type
// application/json, a long random secret (hooks.github.secret), the events Deployment
// statuses, Workflow runs and Secret scanning alerts; and providers.github, so that
// what GitHub could not deliver is read (handlers/github, Source).
//
// Its signature covers neither the event's
// name nor the delivery's id nor a time: the name must fit the body, ids and times
// are those of the body. Nothing of a body is ever kept whole, because one of
// secret scanning may hold the secret.
func DecodeGitHub(d Delivery) (Decoded, error) {
	var head struct {
		Action any `json:"action"`
	}
	if err := json.Unmarshal(d.Body, &head); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	kind := d.Header.Get("X-GitHub-Event")
	switch kind {
	case gitHubDeployment, gitHubRun, gitHubSecret:
	case "":
		return single(gitHubBad(d, "the header X-GitHub-Event is missing; this is not a webhook of GitHub")), nil
	default:
		return Decoded{Ignored: 1}, nil
	}
	var body gitHubBody
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return single(gitHubBad(d, kind+": "+mistake(err))), nil
	}
	ev, err := d.gitHub(kind, &body)
	if err != nil {
		return single(gitHubBad(d, fmt.Sprintf("%s: %v", kind, err))), nil
	}
	if ev == nil {
		return Decoded{Ignored: 1}, nil
	}
	CleanEvent(ev)
	return single(d.eventItem(ev, nil, false)), nil
}

// gitHubBad is a line of quarantine without the body, which may hold a secret that
// no pattern knows.
func gitHubBad(d Delivery, reason string) Item {
	return badItem(d.Origin, reason+"; the body is not kept, see the webhook's deliveries at GitHub, id "+strconv.Quote(clip(d.Header.Get("X-GitHub-Delivery"), 64)), nil)
}

// isRepository is how GitHub writes owner/name.
var isRepository = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}/[A-Za-z0-9._-]{1,100}$`)

func (d Delivery) gitHub(kind string, b *gitHubBody) (*orchestrator.Event, error) {
	if !isRepository.MatchString(string(b.Repository.FullName)) {
		return nil, errors.New("repository.full_name is missing or no owner/name")
	}
	switch {
	case kind == gitHubDeployment && b.Status != nil:
		return d.gitHubDeployed(b)
	case kind == gitHubRun && b.Run != nil:
		return d.gitHubRun(b)
	case kind == gitHubSecret && b.Alert != nil:
		return d.gitHubLeak(b)
	}
	member := kind
	if kind == gitHubSecret {
		member = "alert"
	}
	return nil, errors.New(member + " is missing, though X-GitHub-Event says so")
}

func (d Delivery) gitHubDeployed(b *gitHubBody) (*orchestrator.Event, error) {
	s := b.Status
	at, err := millis(s.CreatedAt)
	if err != nil {
		return nil, errors.New("deployment_status.created_at " + err.Error())
	}
	id, err := number("deployment_status.id", s.ID)
	if err != nil {
		return nil, err
	}
	deployment, _ := b.Deployment.ID.Int64()
	sha := string(b.Deployment.SHA)
	if !isIdent(sha) {
		return nil, errors.New("deployment.sha holds characters that no commit has")
	}
	return d.Repositories.Deployed(github.Deployed{
		Repo: string(b.Repository.FullName), Deployment: deployment, Status: id, State: string(s.State), Commit: sha, At: at,
		Environment: firstText(s.Environment, b.Deployment.Environment), URL: firstText(s.EnvironmentURL, s.TargetURL),
	}), nil
}

func (d Delivery) gitHubRun(b *gitHubBody) (*orchestrator.Event, error) {
	r := b.Run
	if b.Action != "completed" {
		return nil, nil // it goes on
	}
	at, err := millis(r.StartedAt)
	if err != nil {
		return nil, errors.New("workflow_run.run_started_at " + err.Error())
	}
	id, err := number("workflow_run.id", r.ID)
	if err != nil {
		return nil, err
	}
	workflow, err := number("workflow_run.workflow_id", r.Workflow)
	if err != nil {
		return nil, err
	}
	if !isIdent(string(r.SHA)) {
		return nil, errors.New("workflow_run.head_sha holds characters that no commit has")
	}
	return d.Repositories.Ended(github.Run{
		Repo: string(b.Repository.FullName), DefaultBranch: string(b.Repository.DefaultBranch), HeadRepo: string(r.Head.FullName),
		ID: id, Workflow: workflow, Attempt: r.Attempt, Name: string(r.Name), Branch: string(r.Branch), Event: string(r.Event),
		Conclusion: string(r.Conclusion), Commit: string(r.SHA), URL: string(r.URL), StartedAt: at,
	}), nil
}

// gitHubLeak reads an alert of secret scanning, by its state: which action brought
// it there does not matter.
func (d Delivery) gitHubLeak(b *gitHubBody) (*orchestrator.Event, error) {
	a := b.Alert
	created, err1 := millis(a.CreatedAt)
	changed, err2 := millis(a.UpdatedAt)
	resolved, err3 := millis(a.ResolvedAt)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, errors.New("a time of alert " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	id, err := number("alert.number", a.Number)
	if err != nil {
		return nil, err
	}
	return d.Repositories.Leaked(github.Leak{
		Repo: string(b.Repository.FullName), Number: id, Kind: firstText(a.KindName, a.Kind), State: leakState(string(a.State), b.Action),
		Resolution: string(a.Resolution), Validity: string(a.Validity), URL: string(a.URL), Bypassed: a.Bypassed, Public: a.Public,
		CreatedAt: created, ChangedAt: changed, ResolvedAt: resolved,
	}), nil
}

// leakState is the alert's state; where the body has none the action says it.
func leakState(state, action string) string {
	switch {
	case state != "":
		return state
	case action == "resolved":
		return action
	}
	return "open"
}

// number reads an id that must be there.
func number(name string, n json.Number) (int64, error) {
	id, err := n.Int64()
	if err != nil || id <= 0 {
		return 0, errors.New(name + " is missing or no number")
	}
	return id, nil
}
