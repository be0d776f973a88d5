package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// What UptimeRobot says of a monitor.
const (
	monitorDown   = "down"
	monitorUp     = "up"
	monitorExpiry = "ssl"
)

// longestOutage bounds alertDuration, in seconds: ten years.
const longestOutage = 10 * 365 * 24 * 60 * 60

// uptimeRobot holds the variables of UptimeRobot's webhook by their names. The
// body is what the account's owner wrote there, so any of them may be missing.
type uptimeRobot map[string]loose

// DecodeUptimeRobot reads one message of UptimeRobot, as JSON or as the fields of
// a form. The monitor is the fingerprint: down fires, up ends it, a certificate
// or domain about to expire is a warning.
func DecodeUptimeRobot(d Delivery) (Decoded, error) {
	u, err := readUptimeRobot(d.Body)
	if err != nil {
		return Decoded{}, err
	}
	return single(d.uptimeRobot(u)), nil
}

func readUptimeRobot(body []byte) (uptimeRobot, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return nil, errors.New("the body is empty; in UptimeRobot write a POST value and send it as JSON")
	}
	var u uptimeRobot
	if err := json.Unmarshal(text, &u); err != nil {
		form, formErr := url.ParseQuery(string(text))
		if formErr != nil || form.Get("monitorID") == "" {
			return nil, errors.New(mistake(err))
		}
		u = uptimeRobot{}
		for name := range form {
			u[name] = loose(form.Get(name))
		}
	}
	if u == nil {
		return nil, errors.New("the body is null; in UptimeRobot write a POST value and send it as JSON")
	}
	return u, nil
}

// get reads a variable; one that UptimeRobot did not fill in is empty.
func (u uptimeRobot) get(name string) string {
	v := strings.TrimSpace(string(u[name]))
	if v == "*"+name+"*" || v == "$"+name {
		return ""
	}
	return v
}

// kind reads what happened. The word counts before the number, which UptimeRobot
// does not document.
func (u uptimeRobot) kind() string {
	word := strings.ToLower(u.get("alertTypeFriendlyName"))
	switch word {
	case monitorDown, monitorUp:
		return word
	}
	switch strings.ToLower(u.get("alertType")) {
	case "1", monitorDown:
		return monitorDown
	case "2", monitorUp:
		return monitorUp
	case "3", monitorExpiry:
		return monitorExpiry
	}
	if strings.Contains(word, "ssl") || strings.Contains(word, "expir") {
		return monitorExpiry
	}
	return ""
}

func (d Delivery) uptimeRobot(u uptimeRobot) Item {
	at, err := millisOf(u.get("alertDateTime"))
	monitor, kind := u.get("monitorID"), u.kind()
	switch {
	case err != nil:
		return badItem(d.Origin, "alertDateTime "+err.Error(), d.Body)
	case monitor == "":
		return badItem(d.Origin, "monitorID is missing; write *monitorID* into the POST value", d.Body)
	case kind == "":
		return badItem(d.Origin, "alertTypeFriendlyName must be Down or Up, or alertType 1 (down), 2 (up) or 3 (expiry); they are "+
			strconv.Quote(clip(u.get("alertTypeFriendlyName"), 40))+" and "+strconv.Quote(clip(u.get("alertType"), 40)), d.Body)
	}
	ev := &orchestrator.Event{
		Source: sourceUptimeRobot, Type: orchestrator.AlertFiring, Time: at, StartsAt: at, Severity: "critical",
		Fingerprint: cleanID(monitor, nil), ID: cleanID(identity(monitor, kind, d.stamp(at)), d.Body),
	}
	switch kind {
	case monitorUp:
		ev.Type, ev.StartsAt = orchestrator.AlertResolved, u.downSince(at)
	case monitorExpiry:
		ev.Severity = "warning"
	}
	var c cleaner
	c.uptimeRobot(u, kind, ev)
	return d.eventItem(ev, d.Body, c.lost)
}

// downSince is when the outage began that is over at a time: alertDuration is
// its length in seconds. 0 means that UptimeRobot did not say.
func (u uptimeRobot) downSince(at int64) int64 {
	seconds, err := strconv.ParseInt(u.get("alertDuration"), 10, 64)
	if err != nil || at <= 0 || seconds <= 0 || seconds > longestOutage {
		return 0
	}
	return max(at-seconds*1000, 0)
}

// uptimeRobot carries the texts over.
func (c *cleaner) uptimeRobot(u uptimeRobot, kind string, ev *orchestrator.Event) {
	ev.Name = c.text(firstText(loose(u.get("monitorFriendlyName")), loose(u.get("monitorURL")), loose(u.get("monitorID"))), maxTitle)
	ev.Summary, ev.URL = c.text(u.get("alertDetails"), maxText), c.text(u.get("monitorURL"), maxText)
	if kind == monitorExpiry {
		ev.Summary = c.text(strings.TrimSpace(u.expiry()+" "+u.get("alertDetails")), maxText)
	}
	ev.Labels = c.fullLabels(map[string]string{
		"monitor_id": u.get("monitorID"), "monitor": u.get("monitorFriendlyName"), "url": u.get("monitorURL"), "type": kind,
	})
}

// expiry says when the certificate ends, as far as it was said.
func (u uptimeRobot) expiry() string {
	text := "the certificate or the domain is about to expire"
	if days := u.get("sslExpiryDaysLeft"); days != "" {
		text = "the certificate expires in " + days + " days"
	}
	at, err := millisOf(u.get("sslExpiryDate"))
	if err != nil || at == 0 {
		return text
	}
	return text + ", on " + time.UnixMilli(at).UTC().Format(time.DateOnly)
}
