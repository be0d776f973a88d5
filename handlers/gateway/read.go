package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// decoders are the decoders by the names of their sources.
func decoders() map[string]decoder {
	return map[string]decoder{
		sourceAlertmanager: DecodeAlertmanager,
		sourceGitHub:       DecodeGitHub,
		sourceGrafana:      DecodeGrafana,
		sourcePagerDuty:    DecodePagerDuty,
		sourceSendGrid:     DecodeSendGrid,
		sourceSentry:       DecodeSentry,
		sourceStripe:       DecodeStripe,
		sourceToss:         DecodeToss,
		sourceUptimeRobot:  DecodeUptimeRobot,
		sourceVercel:       DecodeVercel,
		sourceVercelDrain:  DecodeVercelDrain,
		sourceEvents:       DecodeCloudEvents,
	}
}

// Sources are the names of the senders there is a decoder for, sorted.
func Sources() []string { return slices.Sorted(maps.Keys(decoders())) }

// Read reads a body as if it came from a source now, without looking at who sent it: to
// try out what it would do. What the sender says in headers is taken from the body.
func Read(source string, d Delivery) (Decoded, error) {
	decode := decoders()[source]
	if decode == nil {
		return Decoded{}, fmt.Errorf("there is no webhook source %q; known are %s", source, strings.Join(Sources(), ", "))
	}
	if d.Header == nil {
		d.Header = headerFor(source, d.Body)
	}
	return decode(d)
}

// headerFor is what GitHub and Sentry say of a body in a header, by the member that only
// such a body has.
func headerFor(source string, body []byte) http.Header {
	h := http.Header{}
	var top, data map[string]json.RawMessage
	_ = json.Unmarshal(body, &top)
	_ = json.Unmarshal(top["data"], &data)
	name, members, kinds := "", top, [][2]string(nil)
	switch source {
	case sourceGitHub:
		name, kinds = "X-GitHub-Event", [][2]string{{"deployment_status", "deployment_status"}, {"workflow_run", "workflow_run"}, {"alert", "secret_scanning_alert"}}
	case sourceSentry:
		name, members = "Sentry-Hook-Resource", data
		kinds = [][2]string{{"issue", sentryIssueResource}, {"event", sentryEventResource}, {"metric_alert", sentryMetricResource}}
	}
	for _, k := range kinds {
		if members[k[0]] != nil {
			h.Set(name, k[1])
			break
		}
	}
	return h
}
