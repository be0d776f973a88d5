package github

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// source is what events from GitHub are called, whichever way they came.
const source = "github"

// What GitHub says of a deployment, of a run and of a leaked secret. The webhook
// and the poll both fill these and make their events from them, so what was told
// and what was read have the same id, fingerprint and start, and count once. No
// part of an id comes from a header: X-GitHub-Delivery is not signed, and a
// delivery that is repeated carries the same body.
type (
	// Deployed is one status of a deployment.
	Deployed struct {
		// Repo is owner/name.
		Repo               string
		Deployment, Status int64
		// State is GitHub's: error, failure, success and others of no use here.
		State, Environment, Commit, URL string
		// At is Unix milliseconds.
		At int64
	}
	// Run is a workflow run that has ended.
	Run struct {
		Repo, DefaultBranch string
		ID, Workflow        int64
		Attempt             int
		// HeadRepo is where the branch is: a fork may call its own branch main.
		HeadRepo, Branch, Event       string
		Name, Conclusion, Commit, URL string
		// StartedAt is when this attempt began, in Unix milliseconds.
		StartedAt int64
	}
	// Leak is an alert of secret scanning. The secret itself has no place here.
	Leak struct {
		Repo   string
		Number int64
		// Kind names the sort of secret; State is open or resolved.
		Kind, State, Resolution, Validity, URL string
		Bypassed, Public                       bool
		// Unix milliseconds; ChangedAt and ResolvedAt may be 0.
		CreatedAt, ChangedAt, ResolvedAt int64
	}
)

// Deployed makes the event of a status: a hint that a deployment came to be, or
// that it did not. nil: of no use here, such as a preview or one still under way.
// It names no deployment, because the provider's id of it is not GitHub's.
func (p Places) Deployed(d Deployed) *orchestrator.Event {
	project, environment, ok := p.Environment(d.Repo, d.Environment)
	if !ok {
		return nil
	}
	ev := event(d.Repo, "deployment_status", strconv.FormatInt(d.Status, 10))
	ev.Project, ev.Environment, ev.Time, ev.Commit, ev.URL = project, environment, d.At, d.Commit, d.URL
	switch d.State {
	case "failure", "error":
		ev.Type = orchestrator.DeployFailed
	case "success":
		ev.Type = orchestrator.DeploySucceeded
	default:
		return nil
	}
	ev.Name = fmt.Sprintf("deployment %d to %s: %s", d.Deployment, d.Environment, d.State)
	ev.Labels["github_environment"] = d.Environment
	return ev
}

// Ended makes the event of a run of the default branch: an alert when it failed,
// the end of it when a later one did not. nil: of no use here, such as a pull
// request or a run that was cancelled.
func (p Places) Ended(r Run) *orchestrator.Event {
	if r.Branch == "" || r.Branch != r.DefaultBranch || !strings.EqualFold(r.HeadRepo, r.Repo) || strings.HasPrefix(r.Event, "pull_request") {
		return nil
	}
	ev := event(r.Repo, "run", strconv.FormatInt(r.ID, 10), strconv.Itoa(r.Attempt))
	switch r.Conclusion {
	case "failure", "timed_out", "startup_failure":
		ev.Type, ev.StartsAt = orchestrator.AlertFiring, r.StartedAt
	case "success":
		ev.Type = orchestrator.AlertResolved // without a start: it ends every failure of this workflow
	default:
		return nil
	}
	ev.Project, ev.Time, ev.Severity, ev.Commit, ev.URL = p.project(r.Repo), r.StartedAt, "warning", r.Commit, r.URL
	ev.Fingerprint = "workflow/" + strings.ToLower(r.Repo) + "/" + strconv.FormatInt(r.Workflow, 10)
	ev.Name = "workflow " + r.Name + " on " + r.Branch
	ev.Summary = "run " + strconv.FormatInt(r.ID, 10) + ": " + r.Conclusion
	ev.Labels["workflow"], ev.Labels["branch"], ev.Labels["conclusion"] = r.Name, r.Branch, r.Conclusion
	return ev
}

// Leaked makes the event of an alert of secret scanning.
func (p Places) Leaked(l Leak) *orchestrator.Event {
	number, changed := strconv.FormatInt(l.Number, 10), max(l.CreatedAt, l.ChangedAt)
	ev := event(l.Repo, "secret_scanning", number, l.State, strconv.FormatInt(changed, 10))
	ev.Type, ev.StartsAt, ev.Time = orchestrator.AlertFiring, l.CreatedAt, l.CreatedAt
	switch l.State {
	case "open":
	case "resolved":
		ev = event(l.Repo, "secret_scanning", number, l.State, strconv.FormatInt(l.ResolvedAt, 10))
		ev.Type, ev.StartsAt, ev.Time = orchestrator.AlertResolved, l.CreatedAt, l.ResolvedAt
	default:
		return nil
	}
	ev.Project, ev.Severity, ev.URL = p.project(l.Repo), "critical", l.URL
	ev.Fingerprint = "secret_scanning/" + strings.ToLower(l.Repo) + "/" + number
	ev.Name = "secret in " + l.Repo + ": " + l.Kind
	ev.Summary = l.words()
	ev.Labels["secret_type"], ev.Labels["resolution"], ev.Labels["validity"] = l.Kind, l.Resolution, l.Validity
	if l.Bypassed {
		ev.Labels["push_protection"] = "bypassed"
	}
	return ev
}

// words say what is known of a secret beside itself.
func (l Leak) words() string {
	if l.State == "resolved" {
		return "resolved: " + l.Resolution
	}
	text := "it is in the repository: rotate it"
	if l.Bypassed {
		text = "somebody pushed it past push protection: rotate it"
	}
	if l.Public {
		text += "; it is public"
	}
	if l.Validity != "" {
		text += "; GitHub says it is " + l.Validity
	}
	return text
}

func event(repo, kind string, rest ...string) *orchestrator.Event {
	id := strings.ToLower(repo) + "/" + kind + "/" + strings.Join(rest, "/")
	return &orchestrator.Event{Source: source, ID: id, Labels: map[string]string{"repository": repo, "kind": kind}}
}
