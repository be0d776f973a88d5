package flag_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aimarketplace/backout/handlers/flag"
	"github.com/aimarketplace/backout/orchestrator"
)

// service is a user's own: what it was told last, and what its site shows of it.
type service struct {
	mu                sync.Mutex
	is, shown, answer string
	posts             int
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.URL.Path == "/site":
		fmt.Fprintf(w, `{"checkout":%q}`, s.shown)
	case r.Header.Get("Authorization") != "Bearer very-secret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet:
		fmt.Fprintf(w, `{"checkout": %q}`, s.is)
	default:
		body, _ := io.ReadAll(r.Body)
		s.posts++
		s.is = strings.Trim(string(body), `"`)
		if s.answer != "" {
			w.WriteHeader(http.StatusBadGateway)
		}
	}
}

func (s *service) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func TestFlag_offAndOnByHTTP(t *testing.T) {
	t.Parallel()
	world := &service{is: "on", shown: "on"}
	server := httptest.NewServer(world)
	t.Cleanup(server.Close)
	local := []string{"127.0.0.1"}
	sw, err := flag.NewHTTP(flag.Request{URL: server.URL + "/set", Body: `"off"`}, flag.Request{URL: server.URL + "/set", Body: `"on"`},
		flag.PageOptions{URL: server.URL + "/read?key=1", Off: `"off"`, On: `"on"`, Token: "very-secret", AllowPrivate: local})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := flag.NewPage(flag.PageOptions{URL: "http://shop.test/site", Off: `:"off"`, On: `:"on"`, Base: server.URL, AllowPrivate: local})
	if err != nil {
		t.Fatal(err)
	}
	actions := flag.Components{{"shop", "checkout"}: {Switch: sw, Proof: proof}}.Actions()
	call := orchestrator.Call{Step: "flag_off_checkout", Project: "shop", Inputs: json.RawMessage(`{"components":["checkout"]}`)}
	off := actions[orchestrator.FlagOff]
	plan, err := off.Plan(t.Context(), call)
	if err != nil || !strings.HasPrefix(plan.Text, "Switch off checkout (http://127.0.0.1:") || !strings.Contains(plan.Text, "/read, now on)") {
		t.Fatalf("%s %v", plan.Text, err)
	}
	if out, err := off.Do(t.Context(), call); err != nil || out.Accepted == nil {
		t.Fatalf("%+v %v", out, err)
	}
	verify := func(a orchestrator.Action, want orchestrator.OutcomeKind, text string) {
		t.Helper()
		if got, err := a.Verify(t.Context(), call, ""); err != nil || got.Kind != want || !strings.Contains(got.Text, text) {
			t.Fatalf("%s %s %v", got.Kind, got.Text, err)
		}
	}
	verify(off, orchestrator.OutcomeRunning, "http://shop.test/site does not show it yet")
	world.set(func() { world.shown = "off" })
	verify(off, orchestrator.OutcomeDone, "checkout is off (http://127.0.0.1:")
	verify(actions[orchestrator.FlagOn], orchestrator.OutcomeNotDone, "says off")
	if _, err := off.Do(t.Context(), call); err != nil || world.posts != 1 {
		t.Errorf("what is off already is not set again: %d calls, %v", world.posts, err)
	}
	world.set(func() { world.answer = "broken" })
	if _, err := actions[orchestrator.FlagOn].Do(t.Context(), call); !orchestrator.IsInDoubt(err) || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("an answer that says nothing of what was done: %v", err)
	}
	for _, inputs := range []string{`{"components":[]}`, `{"components":["web"]}`} {
		call.Inputs = json.RawMessage(inputs)
		if _, err := off.Do(t.Context(), call); !orchestrator.IsPermanent(err) {
			t.Errorf("%s: %v", inputs, err)
		}
	}
}
