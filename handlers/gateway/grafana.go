package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// grafanaAlert is one alert of Grafana's webhook contact point (grafana/alerting
// receivers/webhook): an alert as Alertmanager writes it, and what was measured.
type grafanaAlert struct {
	alertmanagerAlert
	Values       map[string]json.RawMessage `json:"values"`
	PanelURL     string                     `json:"panelURL"`
	DashboardURL string                     `json:"dashboardURL"`
	GeneratorURL string                     `json:"generatorURL"`
}

// DecodeGrafana makes one event of each alert of Grafana's webhook. As with
// Alertmanager, the labels say whose it is and an alert that is not in the
// message says nothing. Grafana sends a message once: what is lost is said again
// when the group is next sent.
func DecodeGrafana(d Delivery) (Decoded, error) {
	var body alertmanagerBody[json.RawMessage]
	if err := json.Unmarshal(d.Body, &body); err != nil {
		return Decoded{}, errors.New(mistake(err))
	}
	if body.Alerts == nil {
		return Decoded{}, errors.New("alerts is missing; this is not the webhook of Grafana's alerting with its own payload")
	}
	out := Decoded{Items: make([]Item, 0, min(len(body.Alerts), maxBad)), Truncated: body.TruncatedAlerts}
	for _, raw := range body.Alerts {
		var a grafanaAlert
		if err := json.Unmarshal(raw, &a); err != nil || bytes.Equal(raw, []byte("null")) {
			out.add(badItem(d.Origin, "an alert cannot be read: "+alertMistake(err), raw))
			continue
		}
		out.add(d.grafanaItem(&a, body.TruncatedAlerts, raw))
	}
	out.close(d.Origin, d.Body)
	return out, nil
}

// grafanaItem makes an event of one alert.
func (d Delivery) grafanaItem(a *grafanaAlert, truncated int, raw []byte) Item {
	it, lost := d.alertmanagerItem(&a.alertmanagerAlert, truncated, raw)
	if ev := it.Record.Event; ev != nil {
		c := cleaner{lost: lost}
		c.grafana(a, ev)
		lost = c.lost
	}
	if lost && it.Keep == nil {
		it.Keep = RedactBytes(raw)
	}
	return it
}

// grafana carries over what Alertmanager does not have.
func (c *cleaner) grafana(a *grafanaAlert, ev *orchestrator.Event) {
	ev.Source = sourceGrafana
	if ev.Value == "" {
		ev.Value = c.text(a.measured(), maxWord)
	}
	for _, address := range []string{a.PanelURL, a.DashboardURL, a.GeneratorURL} {
		if address != "" {
			ev.URL = c.text(address, maxText)
			return
		}
	}
}

// measured lists the figures by their names, such as "B=0.31 C=1"; what is no
// number is left out.
func (a *grafanaAlert) measured() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.Values)) {
		if v := a.Values[name]; len(v) > 0 && (isDigit(v[0]) || v[0] == '-') {
			out = append(out, name+"="+string(v))
		}
	}
	return strings.Join(out, " ")
}
