package gateway

import "github.com/aimarketplace/backout/orchestrator"

// The types of a rolling release.
const (
	vercelRollingStarted   = "project.rolling-release.started"
	vercelRollingApproved  = "project.rolling-release.approved"
	vercelRollingCompleted = "project.rolling-release.completed"
	vercelRollingAborted   = "project.rolling-release.aborted"
)

// vercelRollout is payload.rollingRelease: which deployment takes over from which.
type vercelRollout struct {
	Default struct {
		Base   string `json:"baseDeploymentId"`
		Target string `json:"targetDeploymentId"`
	} `json:"default"`
}

// vercelRolling reads news of a rolling release, which concerns production. While
// it goes on the base still counts as what serves, so a stage is only a hint that
// the new one exists; completed promotes it, aborted goes back to the base.
func (d Delivery) vercelRolling(b *vercelBody, ev orchestrator.Event) Decoded {
	roll := b.Payload.Rolling.Default
	ev.DeploymentID, ev.Previous = roll.Target, roll.Base
	switch b.Type {
	case vercelRollingCompleted:
		ev.Type = orchestrator.DeployPromoted
	case vercelRollingAborted:
		ev.Type, ev.DeploymentID, ev.Previous = orchestrator.DeployRolledBack, roll.Base, roll.Target
	default:
		ev.Type = orchestrator.DeploySucceeded
	}
	switch {
	case ev.DeploymentID == "":
		return single(badItem(d.Origin, "payload.rollingRelease.default names no deployment", d.Body))
	case !isIdent(ev.DeploymentID) || !isIdent(ev.Previous):
		return single(badItem(d.Origin, "a deployment of payload.rollingRelease.default holds characters that no id has", d.Body))
	}
	return single(d.eventItem(&ev, d.Body, false))
}
