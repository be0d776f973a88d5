package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// TestFaults_onVercel: each fault kind, what the caller sees and whether the work was done.
func TestFaults_onVercel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind          string
		status        int // 0: the connection ends without an answer
		effect, drops bool
	}{
		{sandbox.FaultBefore, 500, false, false},
		{sandbox.FaultAfter, 500, true, false},
		{sandbox.FaultLimited, 429, false, false},
		{sandbox.FaultRevoked, 403, false, false},
		{sandbox.FaultDrop, 0, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			fault := obj{"path": "/v1/projects", "method": "POST", "kind": tt.kind, "retry_after": 7}
			h.want(200, "POST", h.urls.Vercel+"/_sandbox/fault", fault)
			h.vercel(200, "GET", theProject) // Another method is not hit.
			r, err := h.try("POST", h.urls.Vercel+rollbackTo+"dpl_good1", nil, "Bearer x")
			if (err != nil) != (tt.status == 0) || r.status != tt.status {
				t.Fatalf("status %d, error %v; want %d", r.status, err, tt.status)
			}
			if tt.kind == sandbox.FaultLimited && r.header.Get("Retry-After") != "7" {
				t.Errorf("headers %v", r.header)
			}
			calls := h.calls(h.urls.Vercel)
			last := calls[len(calls)-1]
			if last.Effect != tt.effect || last.Dropped != tt.drops || last.Status != tt.status || last.Fault != tt.kind {
				t.Errorf("call log has %+v", last)
			}
			if done := h.vercel(200, "GET", theProject).at(t, "lastAliasRequest") != nil; done != tt.effect {
				t.Errorf("work done: %v, want %v", done, tt.effect)
			}
		})
	}
}

func TestFaults_hangNeverAnswersAndDoesNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Vercel+"/_sandbox/fault", obj{"kind": "hang"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.urls.Vercel+rollbackTo+"dpl_good1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Fatalf("a hanging call answered %s", resp.Status)
	}
	if got := h.vercel(200, "GET", theProject).at(t, "lastAliasRequest"); got != nil {
		t.Errorf("a hanging call did the work: %v", got)
	}
	if calls := h.calls(h.urls.Vercel); !calls[0].Dropped || calls[0].Status != 0 {
		t.Errorf("call log has %+v", calls[0])
	}
}

func TestFaults_countListAndDisarm(t *testing.T) {
	t.Parallel()
	h := start(t)
	fault := h.urls.Vercel + "/_sandbox/fault"
	h.want(200, "POST", fault, obj{"kind": "500_before", "count": 2})
	for _, status := range []int{500, 500, 200} {
		h.vercel(status, "GET", theProject)
	}
	h.want(200, "POST", fault, obj{"kind": "500_before", "count": -1})
	for range 4 {
		h.vercel(500, "GET", theProject)
	}
	if r := h.want(200, "GET", fault, nil); !strings.Contains(string(r.body), "500_before") {
		t.Errorf("armed faults: %s", r.body)
	}
	h.want(204, "DELETE", fault, nil)
	h.vercel(200, "GET", theProject)
	h.want(400, "POST", fault, obj{"kind": "500"})
	h.want(400, "POST", fault, obj{"kind": "hang", "cuont": 1})
}

func TestCalls_fileHasEveryCallBeforeItsAnswer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	logged := func(o *sandbox.Options) { o.CallLog = path }
	h := start(t, logged)
	h.want(201, "POST", h.urls.Vercel+rollbackTo+"dpl_good1?teamId=team_aim", `{}`)
	h.want(200, "GET", h.urls.Shop+"/", nil)
	calls := readCalls(t, path)
	if len(calls) != 2 || calls[0].N != 1 || calls[1].N != 2 {
		t.Fatalf("the file has %+v", calls)
	}
	first := calls[0]
	if first.Server != "vercel" || first.Path != rollbackTo+"dpl_good1" || first.Query != "teamId=team_aim" || first.Body != `{}` || !first.Effect {
		t.Errorf("first call: %+v", first)
	}
	h.want(204, "DELETE", h.urls.Vercel+"/_sandbox/calls", nil)
	if got := h.calls(h.urls.Vercel); len(got) != 0 {
		t.Errorf("after DELETE: %+v", got)
	}
	again := start(t, logged)
	again.vercel(200, "GET", theProject)
	if calls := readCalls(t, path); len(calls) != 3 || calls[2].N != 3 {
		t.Errorf("after a restart the file has %+v", calls)
	}
}

func readCalls(t *testing.T, path string) []sandbox.Call {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var calls []sandbox.Call
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c sandbox.Call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		calls = append(calls, c)
	}
	return calls
}

// TestUnkind_randomErrorsComeAfterTheWork: one mutating call in ErrorRate, repeatable by seed.
func TestUnkind_randomErrorsComeAfterTheWork(t *testing.T) {
	t.Parallel()
	run := func() []int {
		h := start(t, func(o *sandbox.Options) { o.ErrorRate, o.Seed = 0, 42 })
		var failed []int
		for i := range 100 {
			r, err := h.try("POST", h.urls.Vercel+rollbackTo+[]string{"dpl_good1", "dpl_good2"}[i%2], nil, "Bearer x")
			if err != nil {
				t.Fatal(err)
			}
			if r.status == 500 {
				failed = append(failed, i)
			} else if r.status != 201 {
				t.Fatalf("call %d: %d %s: the failed call before did not do its work", i, r.status, r.body)
			}
			h.clock.forward(time.Minute)
		}
		return failed
	}
	first, second := run(), run()
	if len(first) < 1 || len(first) > 15 {
		t.Errorf("%d of 100 calls failed, want about 5", len(first))
	}
	if len(first) != len(second) || first[0] != second[0] {
		t.Errorf("the same seed gave %v and %v", first, second)
	}
}

func TestStart_portsSeedAndConflict(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Seed = 0 })
	if h.Seed() == 0 {
		t.Error("no seed was picked")
	}
	seen := map[string]bool{}
	for _, u := range []string{h.urls.Vercel, h.urls.SendGrid, h.urls.GitHub, h.urls.Slack, h.urls.Shop, h.urls.Stripe, h.urls.Toss} {
		seen[u] = true
		h.want(200, "GET", u+"/_sandbox/state", nil)
	}
	if len(seen) != 7 {
		t.Errorf("addresses: %+v", h.urls)
	}
}
