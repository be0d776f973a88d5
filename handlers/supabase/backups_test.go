package supabase_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/supabase"
	"github.com/aimarketplace/backout/orchestrator"
)

const ref = "abcdefghijklmnopqrst"

// standIn is the sandbox's Supabase and the actions that speak to it.
func standIn(t *testing.T) (setup func(string), actions map[string]orchestrator.Action) {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Seed: 1, ErrorRate: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	setup = func(body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URLs().Supabase+"/_sandbox/setup", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatal(a, err)
		}
		_ = a.Body.Close()
	}
	c, err := supabase.New(supabase.Options{BaseURL: s.URLs().Supabase, Token: "sbp_x", AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	return setup, c.Actions([]supabase.Place{{Project: "shop", Environment: "production", Ref: ref}})
}

func call(inputs string) orchestrator.Call {
	return orchestrator.Call{Key: "k", Attempt: "a", Project: "shop", Environment: "production", Inputs: json.RawMessage(inputs)}
}

func TestBackups(t *testing.T) {
	t.Parallel()
	setup, actions := standIn(t)
	read := func() orchestrator.Output {
		t.Helper()
		out, err := actions["supabase.backups"].Do(t.Context(), call(""))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := read(); !strings.Contains(out.Text, "1 complete backups, the newest of 2026-11-25T18:00:00Z; no point-in-time recovery") || !strings.Contains(string(out.Data), `"pitr":false`) {
		t.Errorf("%s %s", out.Text, out.Data)
	}
	setup(`{"pitr":true,"earliest":1795000000,"latest":1795600000}`)
	if out := read(); !strings.Contains(out.Text, "any moment from 2026-11-18T") || !strings.Contains(string(out.Data), `"latest":1795600000000`) {
		t.Errorf("%s %s", out.Text, out.Data)
	}
	other := call("")
	other.Project = "other"
	if _, err := actions["supabase.backups"].Do(t.Context(), other); !orchestrator.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}

func TestRestorePITR(t *testing.T) {
	t.Parallel()
	setup, actions := standIn(t)
	a := actions["supabase.restore_pitr"]
	if s := a.Spec(); !s.Effect || !s.Person || s.Safety != orchestrator.Once {
		t.Errorf("%+v", s)
	}
	good := call(`{"at":"2026-11-20T01:58:00Z"}`)
	refused := func(c orchestrator.Call, word string) {
		t.Helper()
		if _, err := a.Plan(t.Context(), c); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, want %q", err, word)
		}
	}
	refused(good, "no point-in-time recovery")
	setup(`{"pitr":true,"earliest":1795000000,"latest":1795600000}`)
	refused(call(`{"at":"2026-01-01T00:00:00Z"}`), "cannot be gone back to")
	refused(call(""), "no moment")
	p, err := a.Plan(t.Context(), good)
	if err != nil || !strings.Contains(p.Text, "back to 2026-11-20T01:58:00Z, in place") {
		t.Fatal(p, err)
	}
	if _, err := a.Do(t.Context(), good); !orchestrator.IsPermanent(err) {
		t.Errorf("without a person: %v", err)
	}
	if o, err := a.Verify(t.Context(), good, ""); err != nil || o.Kind != orchestrator.OutcomeCannotTell {
		t.Errorf("of a call whose answer never came: %+v %v", o, err)
	}
	good.Preview = p.Data
	out, err := a.Do(t.Context(), good)
	if err != nil || out.Accepted == nil {
		t.Fatal(out, err)
	}
	if _, err := a.Do(t.Context(), good); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "being restored already") {
		t.Errorf("twice: %v", err)
	}
	look := func(token string, kind orchestrator.OutcomeKind) {
		t.Helper()
		if o, err := a.Verify(t.Context(), good, token); err != nil || o.Kind != kind {
			t.Errorf("%+v %v, want %s", o, err, kind)
		}
	}
	look(out.Accepted.Token, orchestrator.OutcomeRunning)
	look("", orchestrator.OutcomeRunning)
	setup(`{"pitr":true,"status":"RESTORE_FAILED"}`)
	look(out.Accepted.Token, orchestrator.OutcomeFailed)
	setup(`{"pitr":true}`)
	look(out.Accepted.Token, orchestrator.OutcomeRunning) // it may not have begun
	look("1795000000", orchestrator.OutcomeDone)
}
