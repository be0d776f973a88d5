package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

const secret = "github_pat_very_secret"

// clock is the time of sandbox and client: it moves only when a test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type harness struct {
	*testing.T
	*clock
	base   string
	client *github.Client
	action orchestrator.Action
	call   orchestrator.Call
}

func start(t *testing.T, change ...func(*github.Options)) *harness {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}
	s, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 7, ErrorRate: -1, Now: c.Now, Token: secret})
	if err != nil {
		t.Fatalf("starting the sandbox: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	o := github.Options{BaseURL: s.URLs().GitHub, Token: secret, AllowPrivate: []string{"127.0.0.1"}, Timeout: 500 * time.Millisecond, Now: c.Now}
	for _, f := range change {
		f(&o)
	}
	client, err := github.New(o)
	if err != nil {
		t.Fatalf("making the client: %v", err)
	}
	h := &harness{T: t, clock: c, base: s.URLs().GitHub, client: client, action: client.Actions()["github.workflow"]}
	h.call = orchestrator.Call{Key: strings.Repeat("0123456789abcdef", 4), Attempt: "a1", Step: "staging", Since: c.Now()}
	h.input("aim/shop", "stage.yml", "main")
	return h
}

func (h *harness) input(repo, file, ref string) {
	h.Helper()
	raw, err := json.Marshal(map[string]string{"repo": repo, "file": file, "ref": ref})
	if err != nil {
		h.Fatal(err)
	}
	h.call.Inputs = raw
}

func (h *harness) send(method, path string, body any) []byte {
	h.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		h.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.Context(), method, h.base+"/_sandbox/"+path, bytes.NewReader(payload))
	if err != nil {
		h.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		h.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
	}
	return text
}

func (h *harness) fault(kind, method string) {
	h.Helper()
	h.send("POST", "fault", sandbox.Fault{Kind: kind, Method: method, RetryAfter: 7})
}

func (h *harness) dispatched() int {
	h.Helper()
	var all []sandbox.Call
	if err := json.Unmarshal(h.send("GET", "calls", nil), &all); err != nil {
		h.Fatal(err)
	}
	n := 0
	for _, c := range all {
		if c.Effect {
			n++
		}
	}
	return n
}

func (h *harness) do() (orchestrator.Output, error) {
	h.Helper()
	out, err := h.action.Do(h.Context(), h.call)
	if err != nil && strings.Contains(err.Error(), secret) {
		h.Errorf("the token stands in: %v", err)
	}
	return out, err
}

// wait verifies, a second at a time, until the outcome is final.
func (h *harness) wait(token string) orchestrator.Outcome {
	h.Helper()
	for range 60 {
		out, err := h.action.Verify(h.Context(), h.call, token)
		if err != nil {
			h.Fatalf("verify: %v", err)
		}
		if out.Kind != orchestrator.OutcomeRunning {
			return out
		}
		if out.CheckAfter == 0 {
			h.Errorf("running without a time to look again: %+v", out)
		}
		h.forward(time.Second)
	}
	h.Fatal("still running after a minute")
	return orchestrator.Outcome{}
}

func TestWorkflow_wholeRoad(t *testing.T) {
	t.Parallel()
	h := start(t)
	preview, err := h.action.Plan(t.Context(), h.call)
	if err != nil || preview.Text != "Run stage.yml of aim/shop on main" || preview.Manual != "gh workflow run stage.yml --repo aim/shop --ref main" {
		t.Fatalf("preview %+v %v", preview, err)
	}
	out, err := h.do()
	if err != nil || out.Accepted == nil || !strings.Contains(out.Accepted.Token, `"op_id":"op-0123456789abcdef"`) || !strings.Contains(out.Accepted.Token, "run_id") {
		t.Fatalf("do %+v %v", out, err)
	}
	if early, _ := h.action.Verify(t.Context(), h.call, out.Accepted.Token); early.Kind != orchestrator.OutcomeRunning {
		t.Errorf("right after the dispatch: %+v", early)
	}
	end := h.wait(out.Accepted.Token)
	var data struct {
		Run        int64  `json:"run_id"`
		Conclusion string `json:"conclusion"`
		URL        string `json:"url"`
		SHA        string `json:"head_sha"`
	}
	if err := json.Unmarshal(end.Data, &data); err != nil || end.Kind != orchestrator.OutcomeDone || data.Run == 0 || data.Conclusion != "success" || len(data.SHA) != 40 || data.URL == "" {
		t.Errorf("in the end %+v %s", end, end.Data)
	}
	if n := h.dispatched(); n != 1 {
		t.Errorf("%d dispatches", n)
	}
}

// TestWorkflow_lostAnswers: what was lost is found by op_id, never dispatched twice.
func TestWorkflow_lostAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind            string
		worked, inDoubt bool
	}{
		{"500_after", true, true},
		{"drop_after", true, true},
		{"500_before", false, true},
		{"hang", false, true},
		{"429", false, false},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.fault(tt.kind, "POST")
			_, err := h.do()
			if err == nil || orchestrator.IsInDoubt(err) != tt.inDoubt || orchestrator.IsPermanent(err) {
				t.Fatalf("do: %v (in doubt %v)", err, orchestrator.IsInDoubt(err))
			}
			if tt.kind == "429" {
				if d := orchestrator.RetryDelay(err); d < 6*time.Second || d > 7*time.Second {
					t.Errorf("429: retry after %v", d)
				}
				return // go-github now keeps its own wait.
			}
			h.forward(time.Duration(h.action.Spec().Settle) * time.Millisecond)
			end := h.wait("")
			if want := map[bool]orchestrator.OutcomeKind{true: orchestrator.OutcomeDone, false: orchestrator.OutcomeNotDone}[tt.worked]; end.Kind != want {
				t.Fatalf("the look after it: %+v, want %s", end, want)
			}
			if !tt.worked {
				if out, err := h.do(); err != nil || h.wait(out.Accepted.Token).Kind != orchestrator.OutcomeDone {
					t.Errorf("second attempt: %+v %v", out, err)
				}
			}
			if n := h.dispatched(); n != 1 {
				t.Errorf("%d dispatches", n)
			}
		})
	}
}

// TestWorkflow_withoutRunName: a run that could be ours keeps us from saying that
// there is none.
func TestWorkflow_withoutRunName(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.send("POST", "setup", map[string]any{"workflows": []map[string]any{{"file": "stage.yml", "plain_title": true}}})
	h.fault("drop_after", "POST")
	if _, err := h.do(); !orchestrator.IsInDoubt(err) {
		t.Fatal(err)
	}
	h.forward(time.Minute)
	if end := h.wait(""); end.Kind != orchestrator.OutcomeCannotTell || !strings.Contains(end.Text, "run-name") {
		t.Errorf("%+v", end)
	}
}

func TestWorkflow_otherRunsAreNotOurs(t *testing.T) {
	t.Parallel()
	h := start(t)
	other := h.call
	other.Key = strings.Repeat("fedcba9876543210", 4)
	if _, err := h.action.Do(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	h.forward(time.Minute)
	if end := h.wait(""); end.Kind != orchestrator.OutcomeNotDone {
		t.Errorf("%+v", end)
	}
}

func TestWorkflow_conclusions(t *testing.T) {
	t.Parallel()
	for _, conclusion := range []string{"failure", "cancelled", "skipped", "timed_out"} {
		h := start(t)
		h.send("POST", "setup", map[string]any{"workflows": []map[string]any{{"file": "stage.yml", "conclusion": conclusion}}})
		out, err := h.do()
		if err != nil {
			t.Fatal(err)
		}
		if end := h.wait(out.Accepted.Token); end.Kind != orchestrator.OutcomeFailed || !strings.Contains(end.Text, conclusion) || !strings.Contains(end.Text, "/actions/runs/") {
			t.Errorf("%s: %+v", conclusion, end)
		}
	}
}

func TestWorkflow_refusals(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.send("POST", "setup", map[string]any{"refs": map[string]string{"main": strings.Repeat("1", 40)}})
	for _, tt := range []struct{ repo, file, ref, says string }{
		{"aim/shop", "stage.yml", "nope", "branch or a tag"},
		{"aim/shop", "stage", "main", "file name of a workflow"},
		{"shop", "stage.yml", "main", "owner/name"},
		{"aim/shop", "stage.yml", "$(reboot)", "not a branch"},
		{"aim/shop", "../x.yml", "main", "file name of a workflow"},
		{"aim/shop", "stage.yml", "", "not a branch"},
	} {
		h.input(tt.repo, tt.file, tt.ref)
		if _, err := h.do(); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	if n := h.dispatched(); n != 0 {
		t.Errorf("%d dispatches", n)
	}
}

func TestWorkflow_revokedTokenAndUnreadableRuns(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.fault("revoked", "POST")
	if _, err := h.do(); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "token") {
		t.Errorf("do: %v", err)
	}
	out, err := h.do()
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", out.Accepted.Token} {
		h.fault("500_before", "GET")
		if end := h.wait(token); end.Kind != orchestrator.OutcomeCannotTell {
			t.Errorf("%q: %+v", token, end)
		}
	}
}

func TestWorkflow_nobodyListens(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *github.Options) { o.BaseURL = "http://127.0.0.1:1" })
	if _, err := h.do(); err == nil || orchestrator.IsInDoubt(err) || orchestrator.IsPermanent(err) {
		t.Errorf("%v", err)
	}
	h = start(t, func(o *github.Options) { o.AllowPrivate = nil })
	if _, err := h.do(); err == nil || !strings.Contains(err.Error(), "private address") {
		t.Errorf("%v", err)
	}
}
