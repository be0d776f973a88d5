package probe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	if out := do(t, h); !out.Errored {
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
