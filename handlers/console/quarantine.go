package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxReplays bounds how many lines one request hands in again.
const maxReplays = 100

// redacted is what `log redact` leaves of an excerpt.
const redacted = "[redacted]"

// QuarantineItem is a line of quarantine with what is kept of its body.
type QuarantineItem struct {
	orchestrator.Quarantined
	// Body is the redacted body as it came; empty when it is gone.
	Body string `json:"body,omitempty"`
	// Kept says what Body is, or why there is none.
	Kept string `json:"kept"`
}

// ReplayOutcome says what became of one line that was handed in again.
type ReplayOutcome struct {
	Item     string `json:"item"`
	OK       bool   `json:"ok"`
	Incident string `json:"incident,omitempty"`
	Text     string `json:"text"`
}

// quarantine lists from a line on; `waiting` leaves out what was handed in again.
func (a *API) quarantine(w http.ResponseWriter, r *http.Request) {
	limit := intQuery(r, "limit", 100, 1000)
	seq, index, _ := orchestrator.ParseQuarantineName(r.URL.Query().Get("from"))
	waiting := r.URL.Query().Get("waiting") == "true"
	a.read(w, r, func(s *orchestrator.State) (any, error) { return s.QuarantineFrom(seq, index, limit, waiting), nil })
}

func (a *API) quarantined(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	q, err := a.line(ctx, r.PathValue("name"))
	var missing *notFound
	switch {
	case errors.As(err, &missing):
		fail(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	item := QuarantineItem{Quarantined: q}
	body, kept, err := a.body(ctx, &q)
	item.Body, item.Kept = string(body), kept
	if err != nil {
		item.Kept = err.Error()
	}
	write(w, http.StatusOK, item)
}

// line finds a line of quarantine by its name.
func (a *API) line(ctx context.Context, name string) (q orchestrator.Quarantined, err error) {
	seq, index, ok := orchestrator.ParseQuarantineName(name)
	if ok {
		err = a.o.Backend.Read(ctx, 0, func(s *orchestrator.State) error {
			q, ok = s.QuarantinedAt(seq, index)
			return nil
		})
	}
	if err == nil && !ok {
		err = &notFound{"there is no " + strconv.Quote(name) + " in quarantine; `backout quarantine list` shows what is, as SEQ.INDEX"}
	}
	return q, err
}

// body is what is kept of a line, and what that is. An error says that it is gone.
func (a *API) body(ctx context.Context, q *orchestrator.Quarantined) (body []byte, kept string, err error) {
	switch {
	case q.Blob != "":
		if body, err = a.o.Blob(ctx, q.Blob); err != nil {
			return nil, "", errors.New("the body is gone: " + err.Error())
		}
		return body, "the body as it came, secrets masked", nil
	case q.Excerpt == redacted:
		return nil, "", errors.New("the body is gone: it was redacted")
	case q.Event != nil:
		return nil, "no body was kept beside the event, which says all of it", nil
	case strings.HasPrefix(q.Reason, "unrouted: "):
		return nil, "", errors.New("the body is gone: an earlier version kept neither event nor body")
	}
	return []byte(q.Excerpt), "the excerpt is the whole body", nil
}

// replay hands lines of quarantine in again, one after the other. Whether it
// counts is decided in the fold, which also sees who asks.
func (a *API) replay(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Items []string `json:"items"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil || len(in.Items) == 0 || len(in.Items) > maxReplays {
		fail(w, http.StatusBadRequest, "send {\"items\": [\"SEQ.INDEX\", ...]}, at most "+strconv.Itoa(maxReplays))
		return
	}
	who, _ := a.token(r)
	may := false
	err := a.o.Backend.Read(r.Context(), 0, func(s *orchestrator.State) error {
		may = s.MayReplay(who.Person, who.Scope)
		return nil
	})
	switch {
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	case !may:
		fail(w, http.StatusForbidden, strconv.Quote(who.Person)+" has none of the roles on-call or devops-lead; they or an admin token may hand in what is in quarantine")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	out := make([]ReplayOutcome, 0, len(in.Items))
	for _, name := range in.Items {
		out = append(out, a.replayOne(ctx, name, who))
	}
	write(w, http.StatusOK, out)
}

func (a *API) replayOne(ctx context.Context, name string, who orchestrator.Token) ReplayOutcome {
	out := ReplayOutcome{Item: name}
	q, err := a.line(ctx, name)
	if err == nil && q.Replayed == nil {
		err = a.handIn(ctx, &q, who)
		if err == nil {
			q, err = a.line(ctx, name)
		}
	} else if err == nil {
		out.Text = "nothing was done, it was handed in before by " + q.Replayed.By + ": " + q.Replayed.Why
		return out
	}
	switch {
	case err != nil:
		out.Text = err.Error()
	case q.Replayed != nil:
		out.OK, out.Text = true, q.Replayed.Why
		if q.Replayed.Incident > 0 {
			out.Incident = orchestrator.IncidentName(q.Replayed.Incident)
		}
	case q.Tried != nil:
		out.Text = "it stays in quarantine, still " + q.Tried.Why
	default:
		out.Text = "the fold did not take it; the log is of an earlier version until an instance of this one has claimed its partition"
	}
	return out
}

// handIn appends the events of a line and returns when they are folded.
func (a *API) handIn(ctx context.Context, q *orchestrator.Quarantined, who orchestrator.Token) error {
	var body []byte
	if q.Event == nil {
		var err error
		if body, _, err = a.body(ctx, q); err != nil {
			return err
		}
	}
	events, err := a.o.Again(q, body)
	if err != nil {
		return err
	}
	records := make([]orchestrator.Record, len(events))
	for i := range events {
		events[i].Replay = &orchestrator.Replay{Seq: q.Seq, Index: q.Index, By: who.Person, Scope: who.Scope}
		records[i] = orchestrator.Record{Event: &events[i]}
	}
	return a.o.Backend.Configure(ctx, records...)
}
