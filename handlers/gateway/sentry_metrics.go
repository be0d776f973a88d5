package gateway

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// sentryMetric is data.metric_alert of the resource metric_alert: one incident
// of an alert rule.
type sentryMetric struct {
	ID        loose           `json:"id"`
	Title     loose           `json:"title"`
	Projects  []loose         `json:"projects"`
	Started   json.RawMessage `json:"date_started"`
	Closed    json.RawMessage `json:"date_closed"`
	AlertRule struct {
		ID          loose   `json:"id"`
		Name        loose   `json:"name"`
		Environment loose   `json:"environment"`
		Query       loose   `json:"query"`
		Projects    []loose `json:"projects"`
	} `json:"alert_rule"`
}

// sentryMetric reads a threshold that was crossed, or is no more. The rule and
// its projects are the fingerprint, the incident's start tells one time from the
// next.
func (d Delivery) sentryMetric(b *sentryBody, ev *orchestrator.Event) Decoded {
	m := b.Data.MetricAlert
	started, err := millis(m.Started)
	if err != nil {
		return single(badItem(d.Origin, "data.metric_alert.date_started "+err.Error(), d.Body))
	}
	closed, err := millis(m.Closed)
	if err != nil {
		return single(badItem(d.Origin, "data.metric_alert.date_closed "+err.Error(), d.Body))
	}
	if m.ID == "" {
		return single(badItem(d.Origin, "data.metric_alert.id is missing", d.Body))
	}
	ev.Time, ev.StartsAt, ev.Severity = started, started, b.Action
	switch b.Action {
	case "critical", "warning":
	case "resolved":
		ev.Type, ev.Time, ev.Severity = orchestrator.AlertResolved, closed, "warning"
	default:
		return single(badItem(d.Origin, "action must be critical, warning or resolved, it is "+strconv.Quote(clip(b.Action, 40)), d.Body))
	}
	var c cleaner
	c.sentryMetric(b, ev)
	ev.ID = cleanID(identity("metric_alert", string(m.ID), b.Action), d.Body)
	return single(d.eventItem(ev, d.Body, c.lost))
}

// sentryMetric carries the texts over.
func (c *cleaner) sentryMetric(b *sentryBody, ev *orchestrator.Event) {
	m := b.Data.MetricAlert
	projects := m.projects()
	ev.Fingerprint = cleanID(identity("metric_alert", append([]string{firstText(m.AlertRule.ID, m.ID)}, projects...)...), nil)
	ev.Name = c.text(firstText(m.AlertRule.Name, b.Data.Title, m.Title), maxTitle)
	ev.Summary = c.text(strings.ReplaceAll(string(b.Data.Text), `\n`, " "), maxText)
	ev.URL = c.text(string(b.Data.WebURL), maxText)
	labels := map[string]string{
		"resource": sentryMetricResource, "rule": string(m.AlertRule.Name), "environment": string(m.AlertRule.Environment), "query": string(m.AlertRule.Query),
	}
	if len(projects) == 1 {
		labels["project"] = projects[0]
	}
	labels["projects"] = strings.Join(projects, ",")
	ev.Labels = c.fullLabels(labels)
}

// projects are the slugs of the incident's projects, or of the rule's.
func (m *sentryMetric) projects() []string {
	from := m.Projects
	if len(from) == 0 {
		from = m.AlertRule.Projects
	}
	out := make([]string, 0, len(from))
	for _, p := range from {
		if p != "" {
			out = append(out, string(p))
		}
	}
	return out
}
