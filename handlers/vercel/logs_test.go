package vercel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

// shelf is where a test keeps evidence.
type shelf map[string]string

func (s shelf) keep(_ context.Context, data []byte) (string, int, error) {
	hash := fmt.Sprint("h", len(s))
	s[hash] = string(data)
	return hash, len(data), nil
}

func (n *night) evidence(deployment string) (orchestrator.EvidenceOutput, orchestrator.Output, error) {
	n.Helper()
	in := json.RawMessage(`{"project":"prj_shop","deployment":"` + deployment + `"}`)
	got, err := n.client.Actions()["vercel.evidence"].Do(n.Context(), orchestrator.Call{Step: "logs", Inputs: in})
	var out orchestrator.EvidenceOutput
	if err == nil {
		if err := json.Unmarshal(got.Data, &out); err != nil {
			n.Fatal(err)
		}
	}
	return out, got, err
}

func TestEvidence_logsOfABuildAndOfItsRequests(t *testing.T) {
	t.Parallel()
	kept := shelf{}
	n := start(t, func(o *vercel.Options) { o.Keep = kept.keep })
	out, said, err := n.evidence("dpl_bad")
	if err != nil || len(out.Evidence) != 2 || len(out.Missed) != 0 {
		t.Fatalf("%+v %v", out, err)
	}
	for i, want := range []struct{ name, part string }{{"build.log", "stdout  State READY"}, {"runtime.jsonl", `"responseStatusCode":500`}} {
		e := out.Evidence[i]
		if e.Name != want.name || !strings.Contains(kept[e.Blob], want.part) || e.Bytes != len(kept[e.Blob]) {
			t.Errorf("%+v: %s", e, kept[e.Blob])
		}
	}
	if !strings.HasPrefix(said.Text, "kept build.log, ") {
		t.Error(said.Text)
	}
	if _, _, err := n.evidence("dpl_nope"); err == nil || !orchestrator.IsPermanent(errors.Unwrap(err)) && !strings.Contains(err.Error(), "404") {
		t.Errorf("of a deployment that is not there: %v", err)
	}
	if _, _, err := n.evidence("../x"); !orchestrator.IsPermanent(err) {
		t.Errorf("of what is no id: %v", err)
	}
}

// A runtime log has no end: what came within the time is kept, whole lines only, and the
// build log that could not be read is named.
func TestEvidence_aStreamWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/runtime-logs") {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":"forbidden","message":"Not authorized"}}`)
			return
		}
		fmt.Fprint(w, "{\"message\":\"one\"}\n{\"mess")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	kept := shelf{}
	client, err := vercel.New(vercel.Options{BaseURL: s.URL, Token: secret, AllowPrivate: []string{"127.0.0.0/8"}, Timeout: 300 * time.Millisecond, Keep: kept.keep})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := (&night{T: t, client: client}).evidence("dpl_bad")
	if err != nil || len(out.Evidence) != 1 || len(out.Missed) != 1 || !strings.HasPrefix(out.Missed[0], "build.log: Vercel refused to show") {
		t.Fatalf("%+v %v", out, err)
	}
	if got := kept[out.Evidence[0].Blob]; got != "{\"message\":\"one\"}\n" || !strings.Contains(out.Evidence[0].Note, "what came within") {
		t.Errorf("%q: %s", got, out.Evidence[0].Note)
	}
}
