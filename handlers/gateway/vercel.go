package gateway

import (
	"encoding/json"
	"errors"

	"github.com/aimarketplace/backout/orchestrator"
)

// vercelBody is the envelope of Vercel's webhooks (vercel.com/docs/webhooks).
// createdAt is documented as a date and arrives as milliseconds: both are read.
type vercelBody struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	CreatedAt json.RawMessage `json:"createdAt"`
	Payload   vercelPayload   `json:"payload"`
}

// vercelPayload joins what the payloads of the types below hold.
type vercelPayload struct {
	Project struct {
		ID string `json:"id"`
	} `json:"project"`
	ProjectID   string           `json:"projectId"`
	ProjectSlug string           `json:"projectSlug"`
	Target      string           `json:"target"`
	Deployment  vercelDeployment `json:"deployment"`

	Rolling vercelRollout `json:"rollingRelease"`

	From string `json:"fromDeploymentId"`
	To   string `json:"toDeploymentId"`

	StartedAt json.RawMessage `json:"startedAt"`
	GroupID   string          `json:"groupId"`
	Links     struct {
		Observability string `json:"observability"`
	} `json:"links"`
	Alerts []vercelAlert `json:"alerts"`
}

type vercelDeployment struct {
	ID   string         `json:"id"`
	URL  string         `json:"url"`
	Name string         `json:"name"`
	Meta map[string]any `json:"meta"`
}

// Vercel's types that mean something here, besides those of vercel_rolling.go. All
// others are ignored, among them deployment.cleanup, .build-requested,
// .check-rerequested, .checkrun.* and .checks.succeeded: they say nothing that the
// ones below do not.
const (
	vercelCreated      = "deployment.created"
	vercelSucceeded    = "deployment.succeeded"
	vercelReady        = "deployment.ready"
	vercelError        = "deployment.error"
	vercelCanceled     = "deployment.canceled"
	vercelBlocked      = "deployment.blocked"
	vercelChecksFailed = "deployment.checks.failed"
	vercelPromoted     = "deployment.promoted"
	vercelRollback     = "deployment.rollback"
	vercelAlerts       = "alerts.triggered"
)

// DecodeVercel reads a webhook of Vercel. The signature covers no time, so a
// delivery that comes late or again keeps its own time and the fold judges it.
func DecodeVercel(d Delivery) (Decoded, error) {
	var head struct {
		Type any `json:"type"`
	}
	if err := json.Unmarshal(d.Body, &head); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	kind, _ := head.Type.(string)
	if kind == "" {
		return single(badItem(d.Origin, "type is missing or no string; this is not a webhook of Vercel", d.Body)), nil
	}
	if !vercelMatters(kind) {
		return Decoded{Ignored: 1}, nil
	}
	var body vercelBody
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return single(badItem(d.Origin, kind+": "+mistake(err), d.Body)), nil
	}
	return d.vercel(&body), nil
}

// VercelEvents are what a webhook of Vercel is to be told of. Blocked builds are left
// out: older teams' API does not take the name, and polling sees them too.
func VercelEvents() []string {
	return []string{
		vercelCreated, vercelSucceeded, vercelReady, vercelError, vercelCanceled, vercelChecksFailed, vercelPromoted, vercelRollback,
		vercelRollingStarted, vercelRollingApproved, vercelRollingCompleted, vercelRollingAborted, vercelAlerts,
	}
}

func vercelMatters(kind string) bool {
	switch kind {
	case vercelCreated, vercelSucceeded, vercelReady, vercelError, vercelCanceled, vercelBlocked, vercelChecksFailed, vercelPromoted, vercelRollback,
		vercelRollingStarted, vercelRollingApproved, vercelRollingCompleted, vercelRollingAborted, vercelAlerts:
		return true
	}
	return false
}

func (d Delivery) vercel(b *vercelBody) Decoded {
	project := b.Payload.Project.ID
	if project == "" {
		project = b.Payload.ProjectID
	}
	at, err := millis(b.CreatedAt)
	switch {
	case err != nil:
		return single(badItem(d.Origin, "createdAt "+err.Error(), d.Body))
	case b.ID == "":
		return single(badItem(d.Origin, "id is missing", d.Body))
	case project == "":
		return single(badItem(d.Origin, "payload.project.id is missing", d.Body))
	}
	var c cleaner
	base := orchestrator.Event{
		Source: sourceVercel, ID: cleanID(b.ID, d.Body), Time: at,
		Project: d.VercelProjects[project], Labels: c.labels(map[string]string{"vercel_project": project}),
	}
	switch b.Type {
	case vercelAlerts:
		return d.vercelAlerts(b, base)
	case vercelRollingStarted, vercelRollingApproved, vercelRollingCompleted, vercelRollingAborted:
		return d.vercelRolling(b, base)
	}
	return d.vercelDeploy(b, base)
}

// vercelDeploy reads news of a deployment. A preview build is nobody's
// environment and is ignored; a failed build leaves production as it is, which
// the rules know.
func (d Delivery) vercelDeploy(b *vercelBody, ev orchestrator.Event) Decoded {
	var c cleaner
	dpl := b.Payload.Deployment
	ev.DeploymentID, ev.URL, ev.Name = dpl.ID, c.text(dpl.URL, maxText), c.text(dpl.Name, maxTitle)
	ev.Commit = commitOf(dpl.Meta)
	where, field := b.Payload.Target, "payload.deployment.id"
	switch b.Type {
	case vercelCreated:
		ev.Type = orchestrator.DeployCreated
	case vercelSucceeded, vercelReady:
		ev.Type = orchestrator.DeploySucceeded
	case vercelError, vercelCanceled, vercelBlocked, vercelChecksFailed:
		ev.Type = orchestrator.DeployFailed
	case vercelPromoted:
		ev.Type, where = orchestrator.DeployPromoted, "production"
	case vercelRollback:
		ev.Type, where, field = orchestrator.DeployRolledBack, "production", "payload.toDeploymentId"
		ev.DeploymentID, ev.Previous = b.Payload.To, b.Payload.From
	}
	switch where {
	case "production":
	case "staging":
		ev.Environment = where
	default:
		return Decoded{Ignored: 1}
	}
	switch {
	case ev.DeploymentID == "":
		return single(badItem(d.Origin, field+" is missing", d.Body))
	case !isIdent(ev.DeploymentID) || !isIdent(ev.Previous) || !isIdent(ev.Commit):
		return single(badItem(d.Origin, field+", its predecessor or its commit holds characters that no id has", d.Body))
	}
	return single(d.eventItem(&ev, d.Body, c.lost))
}

// commitOf reads the commit from the metadata that Vercel's git integrations write.
func commitOf(meta map[string]any) string {
	for _, name := range []string{"githubCommitSha", "gitlabCommitSha", "bitbucketCommitSha", "gitCommitSha"} {
		if sha, ok := meta[name].(string); ok && sha != "" {
			return sha
		}
	}
	return ""
}
