package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// foldingBackend folds what it is told to append.
type foldingBackend struct {
	*backend
	fold *orchestrator.Fold
	seq  uint64
}

func (b *foldingBackend) Configure(_ context.Context, records ...orchestrator.Record) error {
	b.seq++
	data, err := (&orchestrator.Envelope{ID: "x", At: 1_700_000_000_000, Records: records}).Encode()
	if err != nil {
		return err
	}
	_, err = b.fold.Apply(b.state, orchestrator.Entry{Seq: b.seq, Subject: orchestrator.SubjectAdmin, Data: data})
	return errors.Join(err, b.state.Flush())
}

// newQuarantine has four lines: an event of a project that is not there (2.0), one
// that a project takes by now (2.1), a body that is kept whole (2.2), and one whose
// blob is gone (2.3).
func newQuarantine(t *testing.T) *foldingBackend {
	t.Helper()
	recs := records(t)
	recs[0].Genesis.FoldVersion = orchestrator.FoldVersion
	recs = append(recs,
		orchestrator.Record{Token: &orchestrator.Token{Hash: console.HashToken("secret-cat"), Person: "cat", Scope: "person"}},
		orchestrator.Record{Token: &orchestrator.Token{Hash: console.HashToken("secret-admin"), Person: "admin", Scope: "admin"}},
	)
	fold, err := orchestrator.NewFold(never{})
	if err != nil {
		t.Fatal(err)
	}
	b := &foldingBackend{backend: newBackend(t, recs...), fold: fold, seq: 1}
	ev := func(id, project string) orchestrator.Record {
		return orchestrator.Record{Event: &orchestrator.Event{Origin: "http/events", ID: id, Type: orchestrator.AlertFiring, Name: "Disk", Project: project}}
	}
	bad := func(blob string) orchestrator.Record {
		return orchestrator.Record{Bad: &orchestrator.Bad{Origin: "http/events", Reason: "odd", Excerpt: `{"odd`, Blob: blob}}
	}
	if err := b.Configure(t.Context(), ev("1", "nowhere"), ev("2", "later"), bad("kept"), bad("gone")); err != nil {
		t.Fatal(err)
	}
	cfg, err := json.Marshal(orchestrator.Config{
		People:   []orchestrator.Person{{ID: "ann", Roles: []string{"on-call"}}, {ID: "cat", Roles: []string{"support"}}},
		Projects: []orchestrator.Project{{ID: "later", Environments: []orchestrator.Environment{{ID: "production", Kind: "production"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Configure(t.Context(), orchestrator.Record{Doc: &orchestrator.Doc{Kind: orchestrator.DocConfig, Hash: "d", Body: cfg}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func quarantineAPI(b console.Backend) http.Handler {
	return console.New(console.Options{
		Backend: b, Open: true, Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler(),
		Blob: func(_ context.Context, hash string) ([]byte, error) {
			if hash != "kept" {
				return nil, errors.New("blobs are kept for 30 days")
			}
			return []byte(`{"odd": "but whole"}`), nil
		},
		Again: func(q *orchestrator.Quarantined, body []byte) ([]orchestrator.Event, error) {
			switch {
			case q.Event != nil:
				return []orchestrator.Event{*q.Event}, nil
			case !strings.Contains(string(body), "whole"):
				return nil, errors.New("it still cannot be read")
			}
			return []orchestrator.Event{{Origin: q.Origin, ID: "3", Type: orchestrator.AlertFiring, Name: "Odd", Project: "later"}}, nil
		},
	}).Handler()
}

func replayBy(t *testing.T, h http.Handler, token, body string) (int, []console.ReplayOutcome) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/api/v1/quarantine/replay", strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out []console.ReplayOutcome
	_ = json.Unmarshal(w.Body.Bytes(), &out) // an error is no list
	return w.Code, out
}

func TestReplay_whoMay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, token, body string
		want              int
	}{
		{"nobody, on loopback too", "", `{"items":["2.1"]}`, 401},
		{"a publisher", "secret-ci", `{"items":["2.1"]}`, 403},
		{"somebody without the role", "secret-cat", `{"items":["2.1"]}`, 403},
		{"on call", "secret-ann", `{"items":["2.1"]}`, 200},
		{"an admin", "secret-admin", `{"items":["2.1"]}`, 200},
		{"nothing named", "secret-ann", `{"items":[]}`, 400},
		{"no JSON", "secret-ann", `items`, 400},
		{"too many", "secret-ann", `{"items":["1.0"` + strings.Repeat(`,"1.0"`, 100) + `]}`, 400},
	} {
		b := newQuarantine(t)
		code, _ := replayBy(t, quarantineAPI(b), c.token, c.body)
		q, _ := b.state.QuarantinedAt(2, 1)
		if code != c.want || (q.Replayed != nil) != (c.want == 200) {
			t.Errorf("%s: %d, want %d; replayed %+v", c.name, code, c.want, q.Replayed)
		}
	}
}

func TestReplay_saysWhatBecameOfEach(t *testing.T) {
	t.Parallel()
	b := newQuarantine(t)
	h := quarantineAPI(b)
	all := `{"items":["2.0","2.1","2.2","2.3","7.0","x"]}`
	for round, want := range [][]console.ReplayOutcome{
		{{OK: false, Text: `still unrouted: there is no project "nowhere"`}, {OK: true, Text: "no rule matched"}, {OK: true, Text: "no rule matched"}, {Text: "the body is gone: blobs are kept for 30 days"}, {Text: "there is no"}, {Text: "there is no"}},
		{{OK: false, Text: "still unrouted"}, {Text: "handed in before by ann"}, {Text: "handed in before by ann"}, {Text: "the body is gone"}, {Text: "there is no"}, {Text: "there is no"}},
	} {
		code, got := replayBy(t, h, "secret-ann", all)
		if code != 200 || len(got) != len(want) {
			t.Fatalf("%d %+v", code, got)
		}
		for i := range want {
			if got[i].OK != want[i].OK || !strings.Contains(got[i].Text, want[i].Text) {
				t.Errorf("round %d: %+v, want %+v", round, got[i], want[i])
			}
		}
	}
	if got := b.state.Meta(); got.Events != 3 || got.Quarantined != 4 {
		t.Errorf("%d events, %d in quarantine", got.Events, got.Quarantined)
	}
	waiting := ask(t, h, "GET http://127.0.0.1/api/v1/quarantine?waiting=true&from=2.1", "").Body.String()
	if strings.Contains(waiting, `"index":2`) || !strings.Contains(waiting, `"index":3`) || strings.Contains(waiting, `"index":0`) {
		t.Errorf("what waits from 2.1 on: %s", waiting)
	}
	list := ask(t, h, "GET http://127.0.0.1/api/v1/quarantine", "").Body.String()
	if !strings.Contains(list, `"replayed":{`) || !strings.Contains(list, `"tried":{`) || strings.Contains(list, `"event":{`) {
		t.Errorf("the list: %s", list)
	}
}

func TestQuarantine_show(t *testing.T) {
	t.Parallel()
	h := quarantineAPI(newQuarantine(t))
	for _, c := range []struct {
		name, item string
		want       int
		body, kept string
	}{
		{"an event", "2.0", 200, "", "no body was kept beside the event"},
		{"a body", "2.2", 200, `{"odd": "but whole"}`, "as it came"},
		{"a body that is gone", "2.3", 200, "", "the body is gone: blobs are kept for 30 days"},
		{"no such line", "2.9", 404, "", ""},
		{"no name of a line", "two", 404, "", ""},
	} {
		w := ask(t, h, "GET http://127.0.0.1/api/v1/quarantine/"+c.item, "")
		var item console.QuarantineItem
		if err := json.Unmarshal(w.Body.Bytes(), &item); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.want || item.Body != c.body || !strings.Contains(item.Kept, c.kept) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.want == 200 && (item.Origin != "http/events" || item.Reason == "" || item.At == 0) {
			t.Errorf("%s: %+v", c.name, item)
		}
	}
}
