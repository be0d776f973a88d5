package gateway

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// sentryIssue is data.issue of the resource issue.
type sentryIssue struct {
	ID        loose           `json:"id"`
	ShortID   loose           `json:"shortId"`
	Title     loose           `json:"title"`
	Culprit   loose           `json:"culprit"`
	Level     loose           `json:"level"`
	FirstSeen json.RawMessage `json:"firstSeen"`
	LastSeen  json.RawMessage `json:"lastSeen"`
	WebURL    loose           `json:"web_url"`
	Permalink loose           `json:"permalink"`
	Project   struct {
		Slug loose `json:"slug"`
	} `json:"project"`
}

// sentryEvent is data.event of the resource event_alert.
type sentryEvent struct {
	EventID     loose           `json:"event_id"`
	IssueID     loose           `json:"issue_id"`
	Title       loose           `json:"title"`
	Culprit     loose           `json:"culprit"`
	Level       loose           `json:"level"`
	Datetime    json.RawMessage `json:"datetime"`
	Timestamp   json.RawMessage `json:"timestamp"`
	Release     json.RawMessage `json:"release"`
	Environment loose           `json:"environment"`
	Tags        [][]loose       `json:"tags"`
	URL         loose           `json:"url"`
	WebURL      loose           `json:"web_url"`
}

// sentryIssue reads news of an issue: a new one and one that came back fire, a
// resolved one resolves. Who has it, and that people chose not to hear of it,
// says nothing about its health.
func (d Delivery) sentryIssue(b *sentryBody, ev *orchestrator.Event) Decoded {
	i := b.Data.Issue
	started, field := i.FirstSeen, "firstSeen"
	switch b.Action {
	case "created":
	case "unresolved", "resolved":
		started, field = i.LastSeen, "lastSeen"
	default:
		return Decoded{Ignored: 1}
	}
	at, err := millis(started)
	switch {
	case err != nil:
		return single(badItem(d.Origin, "data.issue."+field+" "+err.Error(), d.Body))
	case i.ID == "":
		return single(badItem(d.Origin, "data.issue.id is missing", d.Body))
	}
	// A resolved issue ends all that was said of it, and Sentry does not say when
	// it was resolved: it carries no time.
	ev.Time, ev.StartsAt = at, at
	if first, err := millis(i.FirstSeen); err == nil {
		ev.FirstSeen = first
	}
	if b.Action == "resolved" {
		ev.FirstSeen = 0
		ev.Type, ev.Time, ev.StartsAt = orchestrator.AlertResolved, 0, 0
	}
	var c cleaner
	ev.Fingerprint = cleanID(identity("issue", string(i.ID)), nil)
	ev.ID = d.sentryID("issue", at, string(i.ID), b.Action)
	ev.Name, ev.Summary = c.text(string(i.Title), maxTitle), c.text(string(i.Culprit), maxText)
	ev.Severity, ev.URL = sentrySeverity(i.Level), c.text(firstText(i.WebURL, i.Permalink), maxText)
	ev.Labels = c.fullLabels(map[string]string{
		"resource": sentryIssueResource, "project": string(i.Project.Slug), "level": string(i.Level), "short_id": string(i.ShortID),
	})
	return single(d.eventItem(ev, d.Body, c.lost))
}

// sentryEvent reads an event that set off an issue alert. It is a signal of its
// issue, so that the issue's end ends it.
func (d Delivery) sentryEvent(b *sentryBody, ev *orchestrator.Event) Decoded {
	e := b.Data.Event
	if b.Action != "triggered" {
		return Decoded{Ignored: 1}
	}
	at, err := millis(e.Datetime)
	field := "datetime"
	if err == nil && at == 0 {
		at, err = millis(e.Timestamp)
		field = "timestamp"
	}
	switch {
	case err != nil:
		return single(badItem(d.Origin, "data.event."+field+" "+err.Error(), d.Body))
	case e.IssueID == "":
		return single(badItem(d.Origin, "data.event.issue_id is missing", d.Body))
	}
	labels := e.labels()
	labels["resource"], labels["project"], labels["rule"] = sentryEventResource, projectOfURL(string(e.URL)), string(b.Data.TriggeredRule)
	var c cleaner
	ev.Time, ev.StartsAt = at, at
	ev.Fingerprint = cleanID(identity("issue", string(e.IssueID)), nil)
	ev.ID = cleanID(identity("event_alert", firstText(e.EventID, loose(d.stamp(at))), string(b.Data.TriggeredRule)), d.Body)
	ev.Name, ev.Summary = c.text(string(e.Title), maxTitle), c.text(string(e.Culprit), maxText)
	ev.Severity, ev.URL = sentrySeverity(e.Level), c.text(string(e.WebURL), maxText)
	if ev.Release = c.text(releaseOf(e.Release), maxWord); ev.Release == "" {
		ev.Release = c.text(labels["release"], maxWord)
	}
	ev.Labels = c.fullLabels(labels)
	return single(d.eventItem(ev, d.Body, c.lost))
}

// labels are the event's tags. Those that say who the user was stay out: the log
// keeps what it has.
func (e *sentryEvent) labels() map[string]string {
	out := map[string]string{"level": string(e.Level), "environment": string(e.Environment)}
	for _, tag := range e.Tags {
		if len(tag) != 2 || tag[0] == "user" || strings.HasPrefix(string(tag[0]), "user.") || tag[1] == "" {
			continue
		}
		out[strings.TrimPrefix(string(tag[0]), "sentry:")] = string(tag[1])
	}
	return out
}

// releaseOf reads a release, which is its name or an object with the version.
func releaseOf(raw json.RawMessage) string {
	var name loose
	if json.Unmarshal(raw, &name) == nil && name != "" {
		return string(name)
	}
	var object struct {
		Version loose `json:"version"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	return string(object.Version)
}

// projectOfURL reads the project's slug from an address of Sentry's API, as the
// event itself has the number only: …/api/0/projects/ORG/PROJECT/events/ID/.
func projectOfURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(u.Path, "/api/0/projects/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) < 2 {
		return ""
	}
	return parts[1]
}
