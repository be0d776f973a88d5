package gateway

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// event reads the envelope and then the data of the type it names. raw is the
// whole event; it is kept when it has members that a record has no place for.
func (d Delivery) event(envelope *fields, data json.RawMessage, raw []byte) Item {
	version, id, source := envelope.text("specversion"), envelope.need("id"), envelope.need("source")
	ev := &orchestrator.Event{Type: envelope.need("type"), Time: envelope.millis("time")}
	if version != "1.0" {
		envelope.wrong("specversion", `must be "1.0"`)
	}
	if kind := envelope.text("datacontenttype"); kind != "" && !isJSON(kind) {
		envelope.wrong("datacontenttype", "must be application/json")
	}
	if envelope.problem != "" {
		return badItem(d.Origin, envelope.problem, raw)
	}
	body := fields{path: "data."}
	if err := json.Unmarshal(data, &body.values); err != nil || body.values == nil {
		return badItem(d.Origin, "data must be an object, it is "+kindOf(data), raw)
	}
	var c cleaner
	ev.ID, ev.Source = cleanID(identity(source, id), raw), c.text(source, maxWord)
	if !c.data(&body, ev) {
		body.wrong("", "unknown type "+strconv.Quote(ev.Type)+"; known are "+knownTypes())
		body.problem = strings.TrimPrefix(body.problem, "data. ")
	}
	if ev.Project == "" {
		body.wrong("project", "is missing")
	}
	if body.problem != "" {
		return badItem(d.Origin, body.problem, raw)
	}
	return d.eventItem(ev, raw, c.lost || len(envelope.values) > 0 || len(body.values) > 0)
}

// isJSON reports whether a media type is JSON.
func isJSON(kind string) bool {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

func knownTypes() string {
	return "backout.deploy.{created,succeeded,failed,promoted,rolledback,changed}, backout.alert.{firing,resolved}, backout.webhook.{failed,recovered}"
}

// data reads what the event is about; false when the type is not known.
func (c *cleaner) data(f *fields, ev *orchestrator.Event) bool {
	ev.Project, ev.Environment = c.text(f.text("project"), maxWord), c.text(f.text("environment"), maxWord)
	switch ev.Type {
	case orchestrator.DeployChanged:
		c.change(f, ev)
	case orchestrator.DeployCreated, orchestrator.DeploySucceeded, orchestrator.DeployFailed, orchestrator.DeployPromoted, orchestrator.DeployRolledBack:
		c.deploy(f, ev)
	case orchestrator.AlertFiring, orchestrator.AlertResolved:
		c.alert(f, ev)
	case orchestrator.WebhookFailed, orchestrator.WebhookRecovered:
		c.webhook(f, ev)
	default:
		return false
	}
	return true
}

func (c *cleaner) deploy(f *fields, ev *orchestrator.Event) {
	ev.DeploymentID, ev.Previous, ev.Commit = f.ident("deployment_id"), f.ident("previous"), f.ident("commit")
	ev.URL, ev.Release = c.text(f.text("url"), maxText), c.text(f.text("release"), maxWord)
	if ev.DeploymentID == "" {
		f.wrong("deployment_id", "is missing")
	}
}

// change is something that was changed and is no deployment.
func (c *cleaner) change(f *fields, ev *orchestrator.Event) {
	ev.Name = c.text(f.need("title"), maxTitle)
	ev.Labels = map[string]string{}
	for _, name := range []string{"kind", "by"} {
		if word := c.text(f.text(name), maxWord); word != "" {
			ev.Labels[name] = word
		}
	}
}

func (c *cleaner) alert(f *fields, ev *orchestrator.Event) {
	ev.Component = c.text(f.text("component"), maxWord)
	ev.Fingerprint, ev.Name = cleanID(f.text("fingerprint"), nil), c.text(f.text("name"), maxTitle)
	ev.Severity = strings.ToLower(c.text(f.text("severity"), maxWord))
	ev.Summary, ev.Labels = c.text(f.text("summary"), maxText), c.labels(f.labels("labels"))
	ev.Release, ev.Value = c.text(f.text("release"), maxWord), c.text(f.word("value"), maxWord)
	ev.StartsAt, ev.FirstSeen = f.millis("starts_at"), f.millis("first_seen")
	c.eventIDs(f, ev)
	if ev.Name == "" && ev.Fingerprint == "" {
		f.wrong("name", "is missing, and so is data.fingerprint; an alert needs one of them")
	}
}

func (c *cleaner) webhook(f *fields, ev *orchestrator.Event) {
	ev.Component = c.text(f.text("component"), maxWord)
	ev.Provider, ev.Endpoint = c.text(f.need("provider"), maxWord), c.text(f.text("endpoint"), maxWord)
	ev.Error = c.text(f.text("error"), maxText)
	c.eventIDs(f, ev)
}

// eventIDs are what a failure is about: payments, orders, deliveries. They are
// counted, so that many retries of one are one.
func (c *cleaner) eventIDs(f *fields, ev *orchestrator.Event) {
	ids := f.list("event_ids")
	if len(ids) > maxEventIDs {
		c.lost, ids = true, ids[:maxEventIDs]
	}
	for _, id := range ids {
		ev.EventIDs = append(ev.EventIDs, cleanID(id, nil))
	}
}
