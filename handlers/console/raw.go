package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Bounds of one answer: signals that are looked at, and bytes of bodies.
const (
	rawSignals = 1000
	rawBytes   = 16 << 20
)

// RawBody is a body that signals of an incident were made of. A sender may put many
// into one.
type RawBody struct {
	Events []RawEvent `json:"events"`
	// Body is as it came, secrets masked; empty when it is not there.
	Body string `json:"body,omitempty"`
	// Kept says what Body is, or why there is none.
	Kept string `json:"kept"`
	hash string
}

// RawEvent is one event of a body. ID, Type and At are empty for a signal of which no
// body is named.
type RawEvent struct {
	Signal string    `json:"signal"`
	Source string    `json:"source"`
	ID     string    `json:"id,omitempty"`
	Type   string    `json:"type,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// RawBodies names the bodies of an incident's signals, oldest first, then the signals
// without one. A signal names its first and its three newest.
func RawBodies(s *orchestrator.State, n uint64) []RawBody {
	out, bare := []RawBody{}, []RawBody{}
	for _, sig := range s.Signals(n, rawSignals) {
		if len(sig.Raw) == 0 {
			bare = append(bare, RawBody{Events: []RawEvent{{Signal: sig.Name, Source: sig.Source}}})
		}
		for _, r := range sig.Raw {
			i := slices.IndexFunc(out, func(b RawBody) bool { return b.hash == r.Blob })
			if i < 0 {
				i, out = len(out), append(out, RawBody{hash: r.Blob})
			}
			out[i].Events = append(out[i].Events, RawEvent{Signal: sig.Name, Source: sig.Source, ID: r.ID, Type: r.Type, At: at(r.At)})
		}
	}
	slices.SortStableFunc(out, func(a, b RawBody) int { return a.Events[0].At.Compare(b.Events[0].At) })
	return append(out, bare...)
}

// rawBodies hands out what senders sent. It needs a token on any listener: bodies may
// tell of users.
func (a *API) rawBodies(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.token(r); !ok {
		fail(w, http.StatusUnauthorized, "raw bodies need a token, on loopback too: --token, BACKOUT_TOKEN, or the file admin.token in the data folder")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	var bodies []RawBody
	found := false
	err := a.o.Backend.Read(ctx, 0, func(s *orchestrator.State) error {
		n := orchestrator.ParseIncidentName(r.PathValue("n"))
		if inc, _ := s.Incident(n); inc != nil {
			found, bodies = true, RawBodies(s, n)
		}
		return nil
	})
	switch {
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	case !found:
		fail(w, http.StatusNotFound, "there is no incident "+strconv.Quote(r.PathValue("n"))+"; `backout incident list` shows them")
		return
	}
	left := rawBytes
	for i := range bodies {
		left = a.fetch(ctx, &bodies[i], left)
	}
	write(w, http.StatusOK, bodies)
}

// fetch reads a body, or says why there is none, and returns how many bytes may follow.
func (a *API) fetch(ctx context.Context, b *RawBody, left int) int {
	if b.hash == "" {
		b.Kept = "no body is kept: the log says all of it, its sender's bodies are never kept, or too many came in that hour"
		return left
	}
	body, err := a.o.Blob(ctx, b.hash)
	switch {
	case err != nil || len(body) == 0:
		b.Kept = "the body is gone: raw bodies are kept for 30 days"
	case len(body) > left:
		b.Kept = "left out, the answer would be too long; its hash is " + b.hash
	default:
		b.Body, b.Kept = string(body), "the body as it came, secrets masked"
		left -= len(body)
	}
	return left
}
