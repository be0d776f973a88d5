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

// night answers as production and as the addresses of deployments do: production
// fails at /a and /b.
func night(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == "locked.vercel.app" && r.Header.Get("x-vercel-protection-bypass") != "let-me-in":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Host == "gone.vercel.app":
			w.Header().Set("x-vercel-error", "DEPLOYMENT_NOT_FOUND")
			w.WriteHeader(http.StatusNotFound)
		case r.Host == "half.vercel.app" && r.URL.Path == "/b",
			r.Host == "same.vercel.app" && r.URL.Path != "/ok",
			r.Host == "shop.test" && r.URL.Path != "/ok":
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestTarget_answersWhetherGoingBackHelps: the probes that fail on production decide.
func TestTarget_answersWhetherGoingBackHelps(t *testing.T) {
	t.Parallel()
	base := night(t)
	a := orchestrator.Probe{ID: "a", URL: "https://shop.test/a", Status: 200}
	b := orchestrator.Probe{ID: "b", URL: "https://shop.test/b", Status: 200}
	ok := orchestrator.Probe{ID: "ok", URL: "https://shop.test/ok", Status: 200}
	marked := ok
	marked.AlsoOnTarget = true
	for name, c := range map[string]struct {
		host, bypass string
		probes       []orchestrator.Probe
		want, says   string
	}{
		"it passes there":           {"good.vercel.app", "", []orchestrator.Probe{a, b, ok}, "good", "passes on good.vercel.app"},
		"with a scheme":             {"https://good.vercel.app/", "", []orchestrator.Probe{a}, "good", ""},
		"the same fails there":      {"same.vercel.app", "", []orchestrator.Probe{a, b, ok}, "bad", "the same fails"},
		"half of it fails there":    {"half.vercel.app", "", []orchestrator.Probe{a, b}, "unknown", ""},
		"protected":                 {"locked.vercel.app", "", []orchestrator.Probe{a}, "unknown", "protection_bypass"},
		"protected, with a bypass":  {"locked.vercel.app", "let-me-in", []orchestrator.Probe{a}, "good", ""},
		"it does not exist":         {"gone.vercel.app", "", []orchestrator.Probe{a}, "unknown", "DEPLOYMENT_NOT_FOUND"},
		"nothing fails here":        {"same.vercel.app", "", []orchestrator.Probe{ok}, "blind", "do not see the trouble"},
		"only those that are meant": {"same.vercel.app", "", []orchestrator.Probe{a, marked}, "blind", ""},
	} {
		h, err := probe.New(probe.Options{Base: base, AllowPrivate: []string{"127.0.0.0/8"}, Bypass: c.bypass})
		if err != nil {
			t.Fatal(err)
		}
		in, err := json.Marshal(map[string]any{"probes": c.probes, "host": c.host})
		if err != nil {
			t.Fatal(err)
		}
		out, err := h.Actions()["probe.target"].Do(t.Context(), orchestrator.Call{Step: "target", Inputs: in})
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Answer string }
		if json.Unmarshal(out.Data, &got) != nil || got.Answer != c.want || !strings.Contains(out.Text, c.says) || strings.Contains(out.Text, "let-me-in") {
			t.Errorf("%s: %s (%s), want %s", name, got.Answer, out.Text, c.want)
		}
	}
}

// TestTarget_withoutProbesHasNoData: no probe is no answer.
func TestTarget_withoutProbesHasNoData(t *testing.T) {
	t.Parallel()
	h, err := probe.New(probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Actions()["probe.target"].Do(t.Context(), orchestrator.Call{Inputs: []byte(`{"probes":[],"host":"x"}`)})
	if err != nil || !out.Errored {
		t.Fatalf("%+v, %v", out, err)
	}
}
