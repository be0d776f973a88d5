package sandbox

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// stripeKeeps is how long events can be read.
const stripeKeeps = 30 * 24 * time.Hour

// row is an event as the API shows it and as it is sent.
func (e *stripeEvent) row() object {
	about := object{}
	maps.Copy(about, e.Object)
	return object{
		"id": e.ID, "object": "event", "api_version": "2025-01-27.acacia", "created": e.Created.Unix(), "livemode": false, "type": e.Type,
		"pending_webhooks": len(e.Waits), "request": object{"id": nil, "idempotency_key": nil}, "data": object{"object": about},
	}
}

// listEvents is GET /v1/events: newest first, ten unless limit says otherwise.
func (s *stripe) listEvents(r *request) answer {
	query := r.URL.Query()
	limit, ok := stripeLimit(query)
	if !ok {
		return stripeError(http.StatusBadRequest, "Invalid integer: limit must be between 1 and 100", "parameter_invalid_integer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	after, found := query.Get("starting_after"), false
	rows, more := []object{}, false
	for _, e := range slices.Backward(s.events) {
		if after != "" && !found {
			found = e.ID == after
			continue
		}
		if !e.asked(query, s.opts.Now()) {
			continue
		}
		if len(rows) == limit {
			more = true
			break
		}
		rows = append(rows, e.row())
	}
	if after != "" && !found {
		return stripeError(http.StatusBadRequest, "No such event: '"+after+"'", "resource_missing")
	}
	return asJSON(http.StatusOK, object{"object": "list", "url": "/v1/events", "has_more": more, "data": rows})
}

// stripeLimit reads limit; the API takes up to 100.
func stripeLimit(query url.Values) (int, bool) {
	if query.Get("limit") == "" {
		return 10, true
	}
	n, err := strconv.Atoi(query.Get("limit"))
	return n, err == nil && n >= 1 && n <= 100
}

// asked reports whether a query wants an event.
func (e *stripeEvent) asked(query url.Values, now time.Time) bool {
	if now.Sub(e.Created) > stripeKeeps {
		return false
	}
	if d := query.Get("delivery_success"); d != "" && (d == "true") != (len(e.Waits) == 0) {
		return false
	}
	if kind := query.Get("type"); kind != "" && kind != e.Type {
		return false
	}
	at := e.Created.Unix()
	for name, holds := range map[string]func(int64) bool{
		"created[gte]": func(n int64) bool { return at >= n }, "created[gt]": func(n int64) bool { return at > n },
		"created[lte]": func(n int64) bool { return at <= n }, "created[lt]": func(n int64) bool { return at < n },
	} {
		if n, err := strconv.ParseInt(query.Get(name), 10, 64); err == nil && !holds(n) {
			return false
		}
	}
	return true
}

func (s *stripe) getEvent(r *request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.ID == r.PathValue("id") && s.opts.Now().Sub(e.Created) <= stripeKeeps {
			return asJSON(http.StatusOK, e.row())
		}
	}
	return stripeError(http.StatusNotFound, "No such event: '"+r.PathValue("id")+"'", "resource_missing")
}

// listEndpoints never shows a secret: the API does at creation only.
func (s *stripe) listEndpoints(r *request) answer {
	limit, ok := stripeLimit(r.URL.Query())
	if !ok {
		return stripeError(http.StatusBadRequest, "Invalid integer: limit must be between 1 and 100", "parameter_invalid_integer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []object{}
	for _, e := range slices.Backward(s.endpoints) {
		rows = append(rows, object{
			"id": e.ID, "object": "webhook_endpoint", "url": e.URL, "status": e.Status, "enabled_events": e.Events, "livemode": false, "api_version": nil,
		})
	}
	return asJSON(http.StatusOK, object{"object": "list", "url": "/v1/webhook_endpoints", "has_more": len(rows) > limit, "data": rows[:min(len(rows), limit)]})
}

func (s *stripe) state() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := []object{}
	for _, e := range s.events {
		events = append(events, object{"id": e.ID, "type": e.Type, "created": e.Created, "waits": append([]string{}, e.Waits...)})
	}
	return object{"events": events, "endpoints": len(s.endpoints), "withhold": s.withhold}
}
