package gateway

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// drainVerify is the header by which Vercel sees that an endpoint is its owner's.
const drainVerify = "X-Vercel-Verify"

// maxDrainRoutes bounds how many alerts one delivery makes; maxRoute is how long a
// route may be, in bytes.
const (
	maxDrainRoutes = 50
	maxRoute       = 160
)

// drainLine is one line of a log drain (vercel.com/docs/drains/reference/logs).
type drainLine struct {
	ID           loose           `json:"id"`
	DeploymentID loose           `json:"deploymentId"`
	ProjectID    loose           `json:"projectId"`
	Environment  loose           `json:"environment"`
	RequestID    loose           `json:"requestId"`
	Path         loose           `json:"path"`
	StatusCode   json.Number     `json:"statusCode"`
	At           json.RawMessage `json:"timestamp"`
	Proxy        struct {
		Path       loose           `json:"path"`
		StatusCode json.Number     `json:"statusCode"`
		At         json.RawMessage `json:"timestamp"`
	} `json:"proxy"`
}

// drainKey is what failures are gathered by.
type drainKey struct{ project, deployment, route string }

// drainFailures are the failed requests of one key in a delivery.
type drainFailures struct {
	requests map[string]bool
	codes    map[string]int
	from, to int64
}

// DecodeVercelDrain reads a log drain. To set it up: a drain of logs to
// /hooks/vercel-drain, encoding json or ndjson, no compression, environment production,
// with a secret (hooks.vercel-drain.secret); the code that Vercel shows for the endpoint
// as hooks.vercel-drain.verify.
//
// It reads a delivery of a log drain, a JSON list or lines of JSON,
// and makes one alert of each route and deployment that answered 5xx in it: never
// one of each line. A request that wrote several lines counts once. Lines of other
// answers and of previews are ignored and counted. A drain never says that it is over. No line is ever
// kept, for the messages in them are the shop's own and may be about its users.
func DecodeVercelDrain(d Delivery) (Decoded, error) {
	lines, err := drainLines(d.Body)
	if err != nil {
		return Decoded{}, err
	}
	var out Decoded
	found := map[drainKey]*drainFailures{}
	for _, raw := range lines {
		var line drainLine
		if err := json.Unmarshal(raw, &line); err != nil || bytes.Equal(raw, []byte("null")) {
			out.add(badItem(d.Origin, "a line cannot be read: "+alertMistake(err), nil))
			continue
		}
		if !line.failed() {
			out.Ignored++
			continue
		}
		if why := line.gather(found); why != "" {
			out.add(badItem(d.Origin, why, nil))
		}
	}
	for _, key := range drainOrder(found) {
		out.add(d.drainAlert(key, found[key]))
	}
	out.Ignored += max(0, len(found)-maxDrainRoutes)
	if out.bad > maxBad {
		out.Items = append(out.Items, badItem(d.Origin, strconv.Itoa(out.bad-maxBad)+" more lines of the same body are bad", nil))
	}
	return out, nil
}

// drainLines cuts a body into its lines.
func drainLines(body []byte) ([]json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, errors.New(mistake(err))
		}
		return list, nil
	}
	var out []json.RawMessage
	for raw := range bytes.Lines(body) {
		if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			out = append(out, raw)
		}
	}
	if len(out) == 0 || !json.Valid(out[0]) {
		return nil, errors.New("the body is neither a JSON list nor lines of JSON; choose the encoding json or ndjson for the drain")
	}
	return out, nil
}

// failed: the user got a 5xx. What the function answered counts where no proxy's
// line says more; -1 is a function that crashed without an answer.
func (l *drainLine) failed() bool {
	if l.Environment == "preview" {
		return false
	}
	code := l.code()
	return len(code) == 3 && code[0] == '5' || l.StatusCode == "-1"
}

func (l *drainLine) code() string {
	if code := l.Proxy.StatusCode.String(); len(code) == 3 {
		return code
	}
	return l.StatusCode.String()
}

// gather counts a failed request; the text says what is wrong with the line.
func (l *drainLine) gather(found map[drainKey]*drainFailures) string {
	at, err := millis(firstRaw(l.Proxy.At, l.At))
	request := firstText(l.RequestID, l.ID)
	switch {
	case err != nil:
		return "timestamp " + err.Error()
	case l.DeploymentID == "" || !isIdent(string(l.DeploymentID)):
		return "deploymentId is missing or no id"
	case request == "":
		return "requestId is missing, and so is id"
	}
	key := drainKey{cleanText(string(l.ProjectID), maxWord), string(l.DeploymentID), routeOf(firstText(l.Proxy.Path, l.Path))}
	f := found[key]
	if f == nil {
		f = &drainFailures{requests: map[string]bool{}, codes: map[string]int{}}
		found[key] = f
	}
	if id := cleanID(request, nil); !f.requests[id] {
		f.requests[id] = true
		f.codes[l.code()]++
	}
	if at > 0 && (f.from == 0 || at < f.from) {
		f.from = at
	}
	f.to = max(f.to, at)
	return ""
}

// firstRaw is the first of two values that is there.
func firstRaw(first, second json.RawMessage) json.RawMessage {
	if len(first) > 0 && string(first) != "null" {
		return first
	}
	return second
}

// routeOf makes a route of a path: without the query, with ids in it as *, so that
// the orders of a shop are one route.
func routeOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	parts := strings.Split(cleanText(string(maskAddresses([]byte(path))), maxText), "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "0123456789") && (len(part) >= 16 || span(part, 0, isIDByte) == len(part)) || strings.Contains(part, mask) {
			parts[i] = "*"
		}
	}
	if route := clip(strings.Join(parts, "/"), maxRoute); route != "" {
		return route
	}
	return "/"
}

// isIDByte: digits, and what stands between them in an order's number or a UUID.
func isIDByte(c byte) bool { return isHex(c) || c == '-' || c == '_' || c == '.' }

// drainOrder lists the worst routes first; beyond the bound the rest is left out,
// which a storm can bear: the worst ones say what is broken.
func drainOrder(found map[drainKey]*drainFailures) []drainKey {
	keys := slices.Collect(maps.Keys(found))
	slices.SortFunc(keys, func(a, b drainKey) int {
		return cmp.Or(len(found[b].requests)-len(found[a].requests), cmp.Compare(a.route, b.route), cmp.Compare(a.deployment, b.deployment), cmp.Compare(a.project, b.project))
	})
	return keys[:min(len(keys), maxDrainRoutes)]
}

func (d Delivery) drainAlert(key drainKey, f *drainFailures) Item {
	ids := slices.Sorted(maps.Keys(f.requests))
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(f.codes)) {
		codes = append(codes, strconv.Itoa(f.codes[code])+" x "+cleanText(code, 8))
	}
	ev := &orchestrator.Event{
		Source: sourceVercelDrain, Type: orchestrator.AlertFiring, ID: identity("drain", key.deployment, key.route, hex.EncodeToString(sum[:16])),
		Project: d.VercelProjects[key.project], Fingerprint: "drain/" + strings.TrimPrefix(key.route, "/"), Name: "5xx on " + key.route, Severity: "error",
		Summary: strings.Join(codes, ", ") + " on " + key.deployment, Release: key.deployment, DeploymentID: key.deployment,
		Value: strconv.Itoa(len(ids)), StartsAt: f.from, Time: f.to, EventIDs: ids[:min(len(ids), maxEventIDs)],
		Labels: map[string]string{"vercel_project": key.project, "route": key.route},
	}
	ev.ID = cleanID(ev.ID, nil)
	return d.eventItem(ev, nil, false)
}

// ownDrain shows Vercel that the address is its owner's, which it looks for before
// it takes it for a drain; every answer has the header.
func (s Source) ownDrain(w http.ResponseWriter) {
	if s.Name == sourceVercelDrain && s.Verify != "" {
		w.Header().Set(drainVerify, s.Verify)
	}
}

// drainLooked answers a look at a drain's address, which carries nothing.
func (g *Gateway) drainLooked(w http.ResponseWriter, _ *http.Request) {
	g.sources[sourceVercelDrain].ownDrain(w)
	answerTaken(w, Decoded{})
}
