package probe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/probe"
	"github.com/aimarketplace/backout/orchestrator"
)

// site answers by Host and path.
func site(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "bad.test" || r.URL.Path == "/down" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func do(t *testing.T, h *probe.HTTP, probes ...orchestrator.Probe) orchestrator.Output {
	t.Helper()
	in, err := json.Marshal(map[string]any{"probes": probes})
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Do(t.Context(), orchestrator.Call{Step: "healthy", Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHTTP_countsWhatFails(t *testing.T) {
	t.Parallel()
	h, err := probe.New(probe.Options{Base: site(t), AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	out := do(t, h,
		orchestrator.Probe{ID: "good", URL: "https://good.test/api/health", Status: 200},
		orchestrator.Probe{ID: "bad", URL: "https://bad.test/api/health"},
		orchestrator.Probe{ID: "down", URL: "https://good.test/down?x=1", Status: 200},
		orchestrator.Probe{ID: "wanted", URL: "https://bad.test/", Status: 500},
	)
	var got struct {
		Total, Failed int
		Failing       map[string]string
	}
	if err := json.Unmarshal(out.Data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Total != 4 || got.Failed != 2 || got.Failing["bad"] == "" || got.Failing["down"] != "answered 500 instead of 200" {
		t.Fatalf("%s", out.Data)
	}
	if !strings.HasPrefix(out.Text, "2 of 4 probes fail: bad ") {
		t.Fatal(out.Text)
	}
}

func TestHTTP_noProbesIsNoData(t *testing.T) {
	t.Parallel()
	h, err := probe.New(probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if out := do(t, h); !out.NoData || out.Errored {
		t.Fatalf("%+v", out)
	}
}

func TestHTTP_privateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	h, err := probe.New(probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := do(t, h, orchestrator.Probe{ID: "inside", URL: site(t)})
	if !strings.Contains(out.Text, "1 of 1 probes fail") {
		t.Fatal(out.Text)
	}
}

func TestHTTP_samplesGiveAP95AndTheMarker(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/version" {
			_, _ = w.Write([]byte(`{"deployment_id":"dpl_1"}`))
			return
		}
		if asked++; asked == 3 { // one answer of each round is slow
			timer := time.NewTimer(60 * time.Millisecond)
			defer timer.Stop()
			<-timer.C
		}
	}))
	t.Cleanup(s.Close)
	h, err := probe.New(probe.Options{AllowPrivate: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		with   map[string]any
		failed int
		why    string
	}{
		{"marker and P95 well", map[string]any{"samples": 5, "marker": "dpl_1"}, 0, ""},
		{"another deployment", map[string]any{"marker": "dpl_2"}, 1, `the build marker says "dpl_1" and not dpl_2`},
		{"too slow", map[string]any{"samples": 5, "p95": 40}, 1, "more than 40 ms"},
	} {
		asked = 0
		limit, _ := c.with["p95"].(int)
		in, err := json.Marshal(map[string]any{
			"probes": []orchestrator.Probe{{ID: "home", URL: s.URL + "/", P95: int64(limit)}}, "samples": c.with["samples"],
			"marker": c.with["marker"], "marker_path": "/api/version", "marker_json": "deployment_id",
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := h.Do(t.Context(), orchestrator.Call{Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Failed, Sample int
			P95            int64 `json:"p95_ms"`
			Failing        map[string]string
		}
		if err := json.Unmarshal(out.Data, &got); err != nil {
			t.Fatal(err)
		}
		if got.Failed != c.failed || !strings.Contains(got.Failing["home"], c.why) {
			t.Errorf("%s: %s", c.name, out.Data)
		}
		if n, _ := c.with["samples"].(int); n > 0 && (got.Sample != n || got.P95 < 60) {
			t.Errorf("%s: %s", c.name, out.Data)
		}
	}
}
