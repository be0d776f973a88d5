package vercel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

func (n *night) serving(with map[string]any) orchestrator.Output {
	n.Helper()
	a, c := n.action("vercel.serving", with)
	out, err := n.do(a, c)
	if err != nil {
		n.Fatalf("serving: %v", err)
	}
	return out
}

var markers = map[string]any{"marker_path": "/api/version", "marker_json": "deployment_id"}

func TestServing_markerFirstElseVercelsWord(t *testing.T) {
	t.Parallel()
	n := start(t)
	for by, with := range map[string]map[string]any{"marker": markers, "alias": {}} {
		out := n.serving(with)
		if field(t, out.Data, "deployment") != "dpl_bad" || field(t, out.Data, "proven") != true || field(t, out.Data, "auto_assign") != true {
			t.Errorf("%s: %s", by, out.Data)
		}
		for _, host := range domains {
			if field(t, out.Data, "domains", host) != "dpl_bad" || field(t, out.Data, "by", host) != by {
				t.Errorf("%s of %s: %s", by, host, out.Data)
			}
		}
	}
	// A build without a marker is known by Vercel's word.
	out := n.serving(map[string]any{"marker_path": "/api/old", "marker_json": "deployment_id"})
	if field(t, out.Data, "by", "shop.test") != "alias" || field(t, out.Data, "proven") != true || !strings.Contains(out.Text, "by Vercel's word") {
		t.Errorf("without a marker: %s %s", out.Text, out.Data)
	}
	n.fits()
}

// TestServing_markerSeesTheEdge: the job says succeeded before the last domain moved.
func TestServing_markerSeesTheEdge(t *testing.T) {
	t.Parallel()
	n := start(t)
	a, c := n.rollback()
	out, err := n.do(a, c)
	if err != nil {
		t.Fatal(err)
	}
	if end := n.wait(a, c, out.Accepted.Token); end.Kind != orchestrator.OutcomeDone {
		t.Fatalf("%+v", end)
	}
	if got := n.serving(markers); field(t, got.Data, "deployment") != "" {
		t.Errorf("right after the job every domain had moved: %s", got.Data)
	}
	n.forward(3 * time.Second)
	if got := n.serving(markers); field(t, got.Data, "deployment") != "dpl_good2" || field(t, got.Data, "auto_assign") != false {
		t.Errorf("3 s later: %s", got.Data)
	}
}

func TestServing_notSeeingIsNoSuccess(t *testing.T) {
	t.Parallel()
	n := start(t, func(o *vercel.Options) { o.ProbeBase = "http://127.0.0.1:1" })
	if out := n.serving(markers); out.Errored || field(t, out.Data, "proven") != false || field(t, out.Data, "deployment") != "dpl_bad" {
		t.Errorf("domains that do not answer: %+v %s", out, out.Data)
	}
	if out := n.serving(map[string]any{"domains": []string{"shop.test", "other.test"}}); !out.Errored || !strings.Contains(out.Text, "other.test") {
		t.Errorf("a domain nothing is known of: %+v", out)
	}
	n.fault("500_before", "GET", -1)
	a, c := n.action("vercel.serving", markers)
	if _, err := n.do(a, c); err == nil || orchestrator.IsPermanent(err) || orchestrator.IsInDoubt(err) {
		t.Errorf("Vercel is down: %v", err)
	}
}

func TestServing_pausedProjectIsNotProven(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.control(n.urls.Vercel, "setup", map[string]any{"projects": []map[string]any{{"id": "prj_shop", "paused": true}}})
	if out := n.serving(markers); field(t, out.Data, "proven") != false {
		t.Errorf("%s", out.Data)
	}
}

func TestPoll_whatServesAndTheLedger(t *testing.T) {
	t.Parallel()
	n := start(t)
	n.control(n.urls.Vercel, "deploy", map[string]any{"id": "dpl_branch", "target": "preview"})
	n.control(n.urls.Vercel, "deploy", map[string]any{"id": "dpl_failed", "state": "ERROR"})
	for _, name := range []string{"prj_shop", "shop"} {
		records, err := n.client.Poll(t.Context(), vercel.PollTarget{Project: "shop", Environment: "production", VercelProject: name, Domains: domains})
		if err != nil || len(records) != 2 {
			t.Fatalf("%+v %v", records, err)
		}
		seen := records[0].Observed
		if seen.Serving.Deployment != "dpl_bad" || seen.At != n.Now().UnixMilli() || seen.Error != "" || seen.Project != "shop" || len(seen.Serving.Domains) != 3 {
			t.Errorf("observed %+v", seen)
		}
		var got []string
		for _, d := range records[1].Deploys.List {
			line := d.ID
			if d.Ready {
				line += " ready"
			}
			if d.Candidate {
				line += " candidate"
			}
			if d.AliasedAt > 0 {
				line += " served"
			}
			got = append(got, line)
		}
		want := "dpl_failed, dpl_bad ready candidate served, dpl_good2 ready candidate served, dpl_good1 ready candidate served"
		if strings.Join(got, ", ") != want {
			t.Errorf("ledger %v", got)
		}
	}
	n.fits()
}

func TestPoll_blindIsAFact(t *testing.T) {
	t.Parallel()
	n := start(t, func(o *vercel.Options) { o.Token = "vct_revoked" })
	records, err := n.client.Poll(t.Context(), vercel.PollTarget{Project: "shop", Environment: "production", VercelProject: "prj_shop"})
	if err != nil || len(records) != 1 || !strings.Contains(records[0].Observed.Error, "token") || strings.Contains(records[0].Observed.Error, "vct_revoked") {
		t.Errorf("%+v %v", records, err)
	}
}
