package vercel

import (
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestJudge: an old request is never believed, a success only with the project's word.
func TestJudge(t *testing.T) {
	t.Parallel()
	const t0 = int64(1_000_000)
	ask := func(kind, to, status string, at int64) *aliasRequest {
		return &aliasRequest{Type: kind, To: to, Status: status, At: at, From: "dpl_bad"}
	}
	known := mark{T0: t0, Type: kindRollback, Target: "dpl_good", Seen: t0 - 1000}
	lost := mark{T0: t0, Type: kindRollback, Target: "dpl_good", lost: true}
	tests := []struct {
		name string
		mark mark
		last *aliasRequest
		live string
		at   int64
		want orchestrator.OutcomeKind
	}{
		{"pending", known, ask("rollback", "dpl_good", "pending", t0), "dpl_bad", 0, orchestrator.OutcomeRunning},
		{"in progress", known, ask("rollback", "dpl_good", "in-progress", t0), "dpl_bad", 0, orchestrator.OutcomeRunning},
		{"succeeded and serves", known, ask("rollback", "dpl_good", "succeeded", t0), "dpl_good", 0, orchestrator.OutcomeDone},
		{"succeeded, does not serve yet", known, ask("rollback", "dpl_good", "succeeded", t0), "dpl_bad", 0, orchestrator.OutcomeRunning},
		{"failed", known, ask("rollback", "dpl_good", "failed", t0), "dpl_bad", 0, orchestrator.OutcomeFailed},
		{"skipped", known, ask("rollback", "dpl_good", "skipped", t0), "dpl_bad", 0, orchestrator.OutcomeFailed},
		{"skipped because it serves", known, ask("rollback", "dpl_good", "skipped", t0), "dpl_good", 0, orchestrator.OutcomeDone},
		{"clocks 4 s apart", lost, ask("rollback", "dpl_good", "succeeded", t0-4000), "dpl_good", 0, orchestrator.OutcomeDone},
		{"the same one, seen before ours", known, ask("rollback", "dpl_good", "failed", t0-1000), "dpl_bad", 60_000, orchestrator.OutcomeNotDone},
		{"the same one, a minute old", lost, ask("rollback", "dpl_good", "failed", t0-60_000), "dpl_bad", 0, orchestrator.OutcomeNotDone},
		{"accepted, not shown yet", known, nil, "dpl_bad", 3000, orchestrator.OutcomeRunning},
		{"accepted, never shown", known, nil, "dpl_bad", 60_000, orchestrator.OutcomeNotDone},
		{"lost, no request at all", lost, nil, "dpl_bad", 0, orchestrator.OutcomeNotDone},
		{"lost, something else serves", lost, nil, "dpl_other", 0, orchestrator.OutcomeCannotTell},
		{"lost, the target serves", lost, nil, "dpl_good", 0, orchestrator.OutcomeDone},
		{"a promote is no rollback", known, ask("promote", "dpl_good", "succeeded", t0-60_000), "dpl_bad", 60_000, orchestrator.OutcomeNotDone},
		{"somebody after us", known, ask("promote", "dpl_bad", "succeeded", t0+5000), "dpl_bad", 60_000, orchestrator.OutcomeFailed},
		{"somebody, and ours was lost", lost, ask("promote", "dpl_bad", "succeeded", t0+5000), "dpl_bad", 0, orchestrator.OutcomeCannotTell},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := sight{live: tt.live, project: project{Last: tt.last}}
			if got := judge(s, tt.mark, "dpl_bad", time.UnixMilli(t0+tt.at)); got.Kind != tt.want {
				t.Errorf("judged %+v, want %s", got, tt.want)
			}
		})
	}
}

// TestSettled: half-moved domains are an answer only when the change is ours to finish.
func TestSettled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, live string
		domains    map[string]string
		want       string
	}{
		{"all on one", "dpl_bad", map[string]string{"a": "dpl_bad", "b": "dpl_bad"}, "dpl_bad"},
		{"all moved before the project says so", "dpl_bad", map[string]string{"a": "dpl_good", "b": "dpl_good"}, "dpl_good"},
		{"no domains", "dpl_bad", nil, "dpl_bad"},
		{"failed half-way", "dpl_bad", map[string]string{"a": "dpl_bad", "b": "dpl_good"}, "dpl_bad"},
		{"the suspect is on its way in", "dpl_good", map[string]string{"a": "dpl_bad", "b": "dpl_good"}, ""},
		{"a third one", "dpl_bad", map[string]string{"a": "dpl_bad", "b": "dpl_new"}, ""},
	} {
		got, err := sight{live: tt.live, domains: tt.domains}.settled("dpl_bad", "dpl_good")
		if got != tt.want || (err == nil) == (tt.want == "") {
			t.Errorf("%s: %q %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestSight_rollingReleaseCountsAsItsBase(t *testing.T) {
	t.Parallel()
	s := sight{live: "dpl_base", canary: "dpl_canary"}
	out, _, _ := merge(s, []string{"a", "b"}, []probe{{deployment: "dpl_canary", reached: true}, {deployment: "dpl_base", reached: true}})
	if out.Deployment != "dpl_base" || !out.Proven {
		t.Errorf("%+v", out)
	}
}

func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"build":{"id":"dpl_1"}}`), "build.id")
	f.Add([]byte(`<!doctype html>`), "id")
	f.Fuzz(func(t *testing.T, body []byte, field string) {
		if id := marker(body, field); id != "" && !isDeployment.MatchString(id) {
			t.Errorf("marker %q", id)
		}
	})
}
