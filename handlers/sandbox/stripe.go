package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// stripe is the stand-in for Stripe's events and webhook endpoints.
type stripe struct {
	opts    Options
	dice    *dice
	courier *courier

	mu        sync.Mutex
	endpoints []*stripeEndpoint
	events    []*stripeEvent // oldest first
	withhold  bool
	retry     time.Duration
}

// stripeEndpoint is where events are sent; Secret signs them and is shown by
// nothing but its setup.
type stripeEndpoint struct {
	ID     string   `json:"id"`
	URL    string   `json:"url"`
	Secret string   `json:"secret"`
	Status string   `json:"status"` // empty: enabled
	Events []string `json:"enabled_events"`
}

// stripeEvent is something that happened; Waits are the endpoints that did not
// take it yet.
type stripeEvent struct {
	ID      string
	Type    string
	Created time.Time
	Object  object
	Waits   []string
}

// stripeSetup is the body of POST /_sandbox/setup.
type stripeSetup struct {
	Endpoints []*stripeEndpoint `json:"endpoints"` // replace those of the same id
	// Withhold keeps deliveries back; what is waiting is tried again once it ends.
	Withhold *bool `json:"withhold"`
	// RetryMS is the first pause between two tries, each next one twice as long; 0
	// leaves it at a second.
	RetryMS int64 `json:"retry_ms"`
}

// stripeOrder is the body of POST /_sandbox/event: something happened.
type stripeOrder struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Object object `json:"object"`
	// AgoMS is how long ago it happened.
	AgoMS int64 `json:"ago_ms"`
	// Count makes several of it, with ids of their own; 0 means 1.
	Count int `json:"count"`
}

func newStripe(o Options, c *courier) *stripe {
	return &stripe{opts: o, dice: newDice(o.Seed, "stripe"), courier: c, retry: time.Second}
}

func (s *stripe) name() string { return "stripe" }

func (s *stripe) redact(body []byte) string { return string(body) }

func (s *stripe) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/events", endpoint(s.listEvents))
	mux.Handle("GET /v1/events/{id}", endpoint(s.getEvent))
	mux.Handle("GET /v1/webhook_endpoints", endpoint(s.listEndpoints))
	return mux
}

func (s *stripe) admit(r *request) (answer, bool) {
	switch key := stripeKey(r.Request); {
	case key == "":
		return stripeError(http.StatusUnauthorized, "You did not provide an API key.", ""), false
	case s.opts.Token != "" && key != s.opts.Token:
		return s.refuse(refuseRevoked), false
	}
	return answer{}, true
}

// stripeKey is the key as a bearer or as the user of Basic.
func stripeKey(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	return bearer(r)
}

func stripeError(status int, message, code string) answer {
	kind := "invalid_request_error"
	if status >= http.StatusInternalServerError {
		kind = "api_error"
	}
	one := object{"type": kind, "message": message}
	if code != "" {
		one["code"] = code
	}
	return asJSON(status, object{"error": one}).with("Request-Id", "req_sandbox")
}

func (s *stripe) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return stripeError(http.StatusTooManyRequests, "Too many requests in a short period of time", "rate_limit")
	case refuseRevoked:
		return stripeError(http.StatusUnauthorized, "Invalid API Key provided", "")
	case refuseUnknown:
		return stripeError(http.StatusNotFound, "Unrecognized request URL", "")
	case refuseTooBig:
		return stripeError(http.StatusRequestEntityTooLarge, "Request too large", "")
	case refuseBroken:
	}
	return stripeError(http.StatusInternalServerError, "An unknown error occurred", "")
}

func (s *stripe) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) { ask(w, r, s.setup) })
	mux.HandleFunc("POST /_sandbox/event", func(w http.ResponseWriter, r *http.Request) { ask(w, r, s.happened) })
}

func (s *stripe) setup(in stripeSetup) (any, error) {
	s.mu.Lock()
	for _, e := range in.Endpoints {
		if e.ID == "" || e.URL == "" {
			s.mu.Unlock()
			return nil, fmt.Errorf("an endpoint needs an id and a url, it has %q and %q", e.ID, e.URL)
		}
		if e.Status == "" {
			e.Status = "enabled"
		}
		if len(e.Events) == 0 {
			e.Events = []string{"*"}
		}
		s.endpoints = slices.DeleteFunc(s.endpoints, func(old *stripeEndpoint) bool { return old.ID == e.ID })
		s.endpoints = append(s.endpoints, e)
	}
	if in.RetryMS > 0 {
		s.retry = time.Duration(in.RetryMS) * time.Millisecond
	}
	released := in.Withhold != nil && s.withhold && !*in.Withhold
	if in.Withhold != nil {
		s.withhold = *in.Withhold
	}
	events := slices.Clone(s.events)
	s.mu.Unlock()
	if released {
		for _, ev := range events {
			s.deliver(ev)
		}
	}
	return s.state(), nil
}

// happened makes events and sends them to the endpoints that want them. What
// happens while an endpoint is disabled is never sent to it.
func (s *stripe) happened(in stripeOrder) (any, error) {
	if in.Type == "" || (in.ID != "" && in.Count > 1) {
		return nil, fmt.Errorf("an event needs a type (%q), and one with an id happens once", in.Type)
	}
	ids := []string{}
	for range max(in.Count, 1) {
		ev := &stripeEvent{ID: in.ID, Type: in.Type, Object: in.Object, Created: s.opts.Now().Add(-time.Duration(in.AgoMS) * time.Millisecond)}
		if ev.ID == "" {
			ev.ID = "evt_" + s.dice.id(12)
		}
		s.mu.Lock()
		for _, e := range s.endpoints {
			if e.Status == "enabled" && e.wants(ev.Type) {
				ev.Waits = append(ev.Waits, e.ID)
			}
		}
		s.events = append(s.events, ev)
		slices.SortStableFunc(s.events, func(a, b *stripeEvent) int { return a.Created.Compare(b.Created) })
		s.mu.Unlock()
		ids = append(ids, ev.ID)
		s.deliver(ev)
	}
	return object{"ids": ids}, nil
}

func (e *stripeEndpoint) wants(kind string) bool {
	return slices.Contains(e.Events, "*") || slices.Contains(e.Events, kind)
}

// stripeTries is how often a delivery is tried: the real one takes three days.
const stripeTries = 6

// deliver sends an event to each endpoint that waits for it, late and sometimes
// twice.
func (s *stripe) deliver(ev *stripeEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pauses := []time.Duration{s.dice.upTo(s.opts.MaxLag)}
	for pause := s.retry; len(pauses) < stripeTries; pause *= 2 {
		pauses = append(pauses, pause)
	}
	for _, id := range ev.Waits {
		i := slices.IndexFunc(s.endpoints, func(e *stripeEndpoint) bool { return e.ID == id })
		if i < 0 {
			continue
		}
		copies := 1
		if !s.opts.Kind && s.dice.oneIn(duplicateOneIn) {
			copies = 2
		}
		e := s.endpoints[i]
		for range copies {
			s.courier.tour(round{
				pauses: pauses, parcel: func(int) parcel { return s.parcel(e, ev) },
				taken: func(status int) bool { return status/100 == 2 }, delivered: func() { s.delivered(ev, e.ID) },
			})
		}
	}
}

func (s *stripe) delivered(ev *stripeEvent, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ev.Waits = slices.DeleteFunc(ev.Waits, func(w string) bool { return w == id })
}

// parcel signs an event as of now, each try anew; it has no address while
// deliveries are withheld.
func (s *stripe) parcel(e *stripeEndpoint, ev *stripeEvent) parcel {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.withhold {
		return parcel{}
	}
	body, err := json.Marshal(ev.row())
	if err != nil {
		s.opts.Logger.Error("event not encoded", "type", ev.Type, "error", err)
		return parcel{}
	}
	stamp := strconv.FormatInt(s.opts.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(e.Secret))
	mac.Write([]byte(stamp + "." + string(body)))
	return parcel{url: e.URL, body: body, header: map[string]string{
		"Stripe-Signature": "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil)), "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
	}}
}
