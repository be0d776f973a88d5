package vercel_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestRollback_onceWhateverTheNight drives the action as the engine does, in
// sandboxes that answer every second change with 500 after making it.
func TestRollback_onceWhateverTheNight(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		n := startIn(t, sandbox.Options{Seed: seed + 1, ErrorRate: 2})
		a, c := n.rollback()
		end := orchestrator.OutcomeNotDone
		for try := 0; end != orchestrator.OutcomeDone && try < 10; try++ {
			out, err := n.do(a, c)
			switch {
			case orchestrator.IsInDoubt(err):
				n.forward(time.Duration(a.Spec().Settle) * time.Millisecond)
				end = n.wait(a, c, "").Kind
			case err != nil:
				n.forward(max(time.Second, orchestrator.RetryDelay(err)))
			case out.Accepted != nil:
				end = n.wait(a, c, out.Accepted.Token).Kind
			default:
				end = orchestrator.OutcomeDone
			}
		}
		if effects := n.effects(); end != orchestrator.OutcomeDone || len(effects) != 1 {
			t.Errorf("seed %d: %s after %d changes", seed+1, end, len(effects))
		}
	}
}

// vercelSays is a Vercel whose answers a test writes: what the sandbox does not do.
func vercelSays(t *testing.T, post int, project, rolling string, posts *atomic.Int32) *vercel.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			posts.Add(1)
			w.WriteHeader(post)
			if post == http.StatusConflict {
				fmt.Fprint(w, `{"err":{"code":"conflict","message":"The provided deploymentId (dpl_new) is already the current production deployment."}}`)
			}
		case strings.HasSuffix(r.URL.Path, "/rolling-release"):
			fmt.Fprint(w, rolling)
		case r.URL.Path == "/v4/aliases":
			fmt.Fprint(w, `{"aliases":[{"alias":"shop.test","deploymentId":"dpl_old"}]}`)
		default:
			fmt.Fprint(w, project)
		}
	}))
	t.Cleanup(s.Close)
	client, err := vercel.New(vercel.Options{BaseURL: s.URL, Token: secret, AllowPrivate: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestPromote_queuedAndConflict(t *testing.T) {
	t.Parallel()
	const plain = `{"id":"prj_1","name":"shop","targets":{"production":{"id":"dpl_old"}}}`
	call := orchestrator.Call{Step: "promote", Inputs: []byte(`{"project":"prj_1","expect_serving":"dpl_old","target":"dpl_new","domains":["shop.test"]}`)}
	var posts atomic.Int32
	out, err := vercelSays(t, 202, plain, "", &posts).Actions()["vercel.promote"].Do(t.Context(), call)
	if err != nil || out.Accepted == nil || out.Accepted.Until != (30*time.Minute).Milliseconds() {
		t.Errorf("queued: %+v %v", out, err)
	}
	// Vercel says that it serves already while the domain does not: look again.
	_, err = vercelSays(t, 409, plain, "", &posts).Actions()["vercel.promote"].Do(t.Context(), call)
	if orchestrator.RetryDelay(err) == 0 || !strings.Contains(err.Error(), "already the current production deployment") {
		t.Errorf("conflict: %v", err)
	}
	_, err = vercelSays(t, 504, plain, "", &posts).Actions()["vercel.promote"].Do(t.Context(), call)
	if !orchestrator.IsInDoubt(err) || posts.Load() != 3 {
		t.Errorf("504: %v after %d requests", err, posts.Load())
	}
}

func TestServing_rollingReleaseCountsAsItsBase(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	client := vercelSays(t, 201,
		`{"id":"prj_1","name":"shop","rollingRelease":{"target":"production","stages":[]},"targets":{"production":{"id":"dpl_new"}}}`,
		`{"rollingRelease":{"state":"ACTIVE","currentDeployment":{"id":"dpl_old"},"canaryDeployment":{"id":"dpl_new"}}}`, &posts)
	records, err := client.Poll(t.Context(), vercel.PollTarget{VercelProject: "prj_1"})
	if err != nil || records[0].Observed.Serving.Deployment != "dpl_old" {
		t.Errorf("%+v %v", records, err)
	}
}
