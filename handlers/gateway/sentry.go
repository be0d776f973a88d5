package gateway

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// sentryWait bounds how long Sentry waits for the log: it gives up after one
// second, and unsubscribes an address after many such timeouts, so it is better
// told 503 in time.
const sentryWait = 800 * time.Millisecond

// The resources of Sentry that mean something here; all others are ignored.
const (
	sentryIssueResource  = "issue"
	sentryEventResource  = "event_alert"
	sentryMetricResource = "metric_alert"
)

// sentryBody is a webhook of Sentry's integration platform (docs.sentry.io,
// integration platform, webhooks). The header Sentry-Hook-Resource says which
// member of data is there.
type sentryBody struct {
	Action string `json:"action"`
	Data   struct {
		Issue         *sentryIssue  `json:"issue"`
		Event         *sentryEvent  `json:"event"`
		TriggeredRule loose         `json:"triggered_rule"`
		MetricAlert   *sentryMetric `json:"metric_alert"`
		Title         loose         `json:"description_title"`
		Text          loose         `json:"description_text"`
		WebURL        loose         `json:"web_url"`
	} `json:"data"`
}

// DecodeSentry reads a webhook of Sentry. Its signature covers neither the
// resource nor Sentry-Hook-Timestamp, so the times are those of the body and a
// resource that does not fit the body is quarantine. What is said of an issue,
// its level and tags included, comes from whoever may report to it, for a site
// its visitors too.
func DecodeSentry(d Delivery) (Decoded, error) {
	var head struct {
		Action loose `json:"action"`
	}
	if err := json.Unmarshal(d.Body, &head); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	resource := d.Header.Get("Sentry-Hook-Resource")
	switch resource {
	case sentryIssueResource, sentryEventResource, sentryMetricResource:
	case "":
		return single(badItem(d.Origin, "the header Sentry-Hook-Resource is missing; this is not a webhook of Sentry's integration platform", d.Body)), nil
	default:
		return Decoded{Ignored: 1}, nil
	}
	var body sentryBody
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return single(badItem(d.Origin, resource+": "+mistake(err), d.Body)), nil
	}
	ev := &orchestrator.Event{Source: sourceSentry, Type: orchestrator.AlertFiring}
	switch {
	case resource == sentryIssueResource && body.Data.Issue != nil:
		return d.sentryIssue(&body, ev), nil
	case resource == sentryEventResource && body.Data.Event != nil:
		return d.sentryEvent(&body, ev), nil
	case resource == sentryMetricResource && body.Data.MetricAlert != nil:
		return d.sentryMetric(&body, ev), nil
	}
	member := resource
	if resource == sentryEventResource {
		member = "event"
	}
	return single(badItem(d.Origin, "data."+member+" is missing, though Sentry-Hook-Resource is "+resource, d.Body)), nil
}

// sentryID joins the parts of an id with the time, or with a hash of the body
// when it has none, so that two things without a time are not one.
func (d Delivery) sentryID(first string, at int64, rest ...string) string {
	return cleanID(identity(first, append(rest, d.stamp(at))...), d.Body)
}

// sentrySeverity reads Sentry's level; an unknown one is a warning.
func sentrySeverity(level loose) string {
	switch l := strings.ToLower(string(level)); l {
	case "fatal":
		return "critical"
	case "error", "info", "debug":
		return l
	}
	return "warning"
}
