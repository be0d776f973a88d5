package github_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

const polledRepo = "aim/shop"

func places() github.Places {
	return github.Places{polledRepo: {{Project: "shop", Environments: map[string]string{"production": "production"}}}}
}

func at(h *harness, ago time.Duration) string { return h.Now().Add(-ago).UTC().Format(time.RFC3339) }

func runRow(h *harness, id, workflow int, conclusion string, ago time.Duration) map[string]any {
	return map[string]any{
		"id": id, "workflow_id": workflow, "run_attempt": 1, "name": fmt.Sprintf("flow%d", workflow), "head_branch": "main", "head_sha": "0a1b", "event": "push",
		"status": "completed", "conclusion": conclusion, "html_url": "https://github.com/x", "created_at": at(h, ago), "run_started_at": at(h, ago),
		"head_repository": map[string]any{"full_name": polledRepo},
	}
}

// world is what the stand-in shows: one failed deployment to production and one
// preview, a workflow that fails, one that was mended, a leak and one that is over.
func world(h *harness) map[string]any {
	fork := runRow(h, 15, 3, "failure", time.Minute)
	fork["head_repository"] = map[string]any{"full_name": "eve/shop"}
	return map[string]any{
		"deployments": []any{
			map[string]any{"id": 1, "sha": "0a1b", "environment": "Production", "created_at": at(h, time.Hour)},
			map[string]any{"id": 2, "sha": "0a1b", "environment": "Preview", "created_at": at(h, time.Hour)},
			map[string]any{"id": 3, "sha": "0a1b", "environment": "Production", "created_at": at(h, 48*time.Hour)},
		},
		"statuses": map[string]any{
			"1": []any{
				map[string]any{"id": 101, "state": "failure", "environment": "Production", "environment_url": "https://a.example", "created_at": at(h, 50*time.Minute)},
				map[string]any{"id": 100, "state": "pending", "environment": "Production", "created_at": at(h, time.Hour)},
			},
			"2": []any{map[string]any{"id": 102, "state": "failure", "environment": "Preview", "created_at": at(h, time.Hour)}},
		},
		"runs": []any{fork, runRow(h, 14, 2, "success", 10*time.Minute), runRow(h, 13, 2, "failure", 20*time.Minute), runRow(h, 12, 1, "failure", 30*time.Minute), runRow(h, 11, 1, "success", 40*time.Minute)},
		"secrets": []any{
			map[string]any{"number": 7, "state": "open", "secret_type": "x", "secret_type_display_name": "X key", "secret": "leaked-value", "created_at": at(h, time.Hour), "updated_at": at(h, time.Hour), "push_protection_bypassed": true},
			map[string]any{"number": 6, "state": "resolved", "resolution": "revoked", "secret_type": "x", "created_at": at(h, 72*time.Hour), "resolved_at": at(h, 2*time.Hour)},
			map[string]any{"number": 5, "state": "open", "secret_type": "x", "created_at": at(h, 720*time.Hour)},
		},
	}
}

func (h *harness) source(log *bytes.Buffer) *github.Source {
	h.Helper()
	c, err := github.New(github.Options{BaseURL: h.base, Token: secret, AllowPrivate: []string{"127.0.0.1"}, Now: h.Now})
	if err != nil {
		h.Fatal(err)
	}
	return c.Source(github.SourceOptions{Repo: polledRepo, Places: places(), Clean: gateway.CleanEvent, Logger: slog.New(slog.NewTextHandler(log, nil))})
}

func poll(t *testing.T, s *github.Source) []orchestrator.Event {
	t.Helper()
	records, err := s.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var events []orchestrator.Event
	for _, r := range records {
		events = append(events, *r.Event)
	}
	return events
}

func ids(events []orchestrator.Event) (out []string) {
	for _, ev := range events {
		out = append(out, strings.TrimPrefix(ev.ID, polledRepo+"/"))
	}
	return out
}

func TestPoll_readsWhatMattersUnderTheSameIDs(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.send("POST", "world", world(h))
	s := h.source(&bytes.Buffer{})
	if s.Name() != "github/aim/shop" {
		t.Errorf("name %s", s.Name())
	}
	opened := h.Now().Add(-time.Hour).UnixMilli()
	want := []string{"deployment_status/101", "run/14/1", "run/12/1", fmt.Sprintf("secret_scanning/7/open/%d", opened), fmt.Sprintf("secret_scanning/6/resolved/%d", opened-time.Hour.Milliseconds())}
	first := poll(t, s)
	if got := ids(first); !slices.Equal(got, want) {
		t.Errorf("first\n got %v\nwant %v", got, want)
	}
	types := []string{orchestrator.DeployFailed, orchestrator.AlertResolved, orchestrator.AlertFiring, orchestrator.AlertFiring, orchestrator.AlertResolved}
	for i, ev := range first {
		if ev.Type != types[i] || ev.Origin != "poll/github" || ev.Source != "github" || ev.Project != "shop" {
			t.Errorf("%+v, want the type %s", ev, types[i])
		}
		if b, err := json.Marshal(ev); err != nil || bytes.Contains(b, []byte("leaked-value")) {
			t.Errorf("the secret is in %s %v", b, err)
		}
	}
	h.forward(time.Minute)
	if again := ids(poll(t, s)); !slices.Equal(again, want) {
		t.Errorf("it says other things under other ids:\n got %v\nwant %v", again, want)
	}
}

func TestPoll_aMissingPermissionIsOneLineAndNoFailure(t *testing.T) {
	t.Parallel()
	h := start(t)
	w := world(h)
	w["refuse"] = map[string]int{"secrets": 404, "deployments": 403}
	h.send("POST", "world", w)
	var log bytes.Buffer
	s := h.source(&log)
	if got := ids(poll(t, s)); !slices.Equal(got, []string{"run/14/1", "run/12/1"}) {
		t.Errorf("got %v", got)
	}
	h.forward(2 * time.Minute)
	poll(t, s)
	if n := strings.Count(log.String(), "Secret scanning alerts: read"); n != 1 || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("want one line for each permission:\n%s", log.String())
	}
	w["refuse"] = map[string]int{"runs": 500}
	h.send("POST", "world", w)
	h.forward(2 * time.Minute)
	records, err := s.Poll(t.Context())
	if err == nil || !strings.Contains(err.Error(), "workflow runs of aim/shop") || len(records) != 3 {
		t.Errorf("%d records and %v, want what could be read and why the rest could not", len(records), err)
	}
}

// TestPoll_saysWhatTheWebhookSays: what both told is one, by everything the fold
// compares.
func TestPoll_saysWhatTheWebhookSays(t *testing.T) {
	t.Parallel()
	h := start(t)
	w := world(h)
	h.send("POST", "world", w)
	polled := map[string]orchestrator.Event{}
	for _, ev := range poll(t, h.source(&bytes.Buffer{})) {
		polled[ev.ID] = ev
	}
	row := func(list string, i int) map[string]any { return w[list].([]any)[i].(map[string]any) }
	status := w["statuses"].(map[string]any)["1"].([]any)[0]
	for name, body := range map[string]map[string]any{
		"deployment_status":     {"action": "created", "deployment_status": status, "deployment": row("deployments", 0)},
		"workflow_run":          {"action": "completed", "workflow_run": row("runs", 3)},
		"secret_scanning_alert": {"action": "created", "alert": row("secrets", 0)},
	} {
		body["repository"] = map[string]any{"full_name": "aim/shop", "default_branch": "main"}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := gateway.DecodeGitHub(gateway.Delivery{Origin: "http/github", Header: http.Header{"X-Github-Event": {name}}, Body: raw, Repositories: places()})
		if err != nil || len(got.Items) != 1 || got.Items[0].Record.Event == nil {
			t.Fatalf("%s: %+v %v", name, got, err)
		}
		told := *got.Items[0].Record.Event
		read, ok := polled[told.ID]
		told.Origin, read.Origin = "", ""
		if a, b := fmt.Sprintf("%+v", told), fmt.Sprintf("%+v", read); !ok || a != b {
			t.Errorf("%s:\n told %s\n read %s", name, a, b)
		}
	}
}
