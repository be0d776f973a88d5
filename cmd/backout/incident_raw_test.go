package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// rawAlert is what Alertmanager says, with more than a record has a place for and with
// secrets that somebody put into it.
const rawAlert = `{"version":"4","groupKey":"{}:{}","alerts":[{"status":%q,"labels":{"alertname":"CheckoutErrors","service":"checkout","severity":"critical"},
 "annotations":{"summary":"5xx above 5 %%","runbook":"look at the queue first","debug":"called with %s, see https://ops:open-sesame@graphs.example/d/1"},
 "startsAt":%q,"endsAt":%q,"generatorURL":"http://prometheus:9090/graph?g0.expr=up","fingerprint":"57c6d9d6c9d4d2a5"}]}`

// TestRaw_bodies: what senders sent is kept redacted, shown to whoever has a token, and gone
// with the entry when that is redacted.
func TestRaw_bodies(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	began := time.Now().UTC()
	post := func(status string, ends time.Time) {
		t.Helper()
		body := fmt.Appendf(nil, rawAlert, status, pasted, began.Format(time.RFC3339Nano), ends.Format(time.RFC3339Nano))
		if code, said, err := s.hook("/hooks/alertmanager", body, bearerOf(secrets()["E2E_ALERTMANAGER_TOKEN"])); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s %v", code, said, err)
		}
	}
	post("firing", time.Time{})
	s.waitIncident("INC-1", "open", func(inc *console.Incident) bool { return inc.Firing == 1 })
	post("resolved", time.Now().UTC())
	s.waitIncident("INC-1", "without a firing alert", func(inc *console.Incident) bool { return inc.Firing == 0 })
	s.publish("alert", "backout.alert.firing", alert("by-nats", "warning"))
	s.waitIncident("INC-1", "joined by another", func(inc *console.Incident) bool { return inc.Firing == 1 })

	bodies := s.rawOf("INC-1")
	if len(bodies) != 3 || bodies[2].Body != "" || !strings.Contains(bodies[2].Kept, "the log says all of it") {
		t.Fatalf("%d bodies: %+v", len(bodies), bodies)
	}
	for i, status := range []string{"firing", "resolved"} {
		b := bodies[i]
		if len(b.Events) != 1 || b.Events[0].Type != "backout.alert."+status || b.Events[0].Source != "alertmanager" {
			t.Errorf("the body is of %+v", b.Events)
		}
		for want, there := range map[string]bool{"look at the queue first": true, "g0.expr=up": true, "[masked]": true, pasted: false, "open-sesame": false} {
			if strings.Contains(b.Body, want) != there {
				t.Errorf("%q in the body: want %v:\n%s", want, there, b.Body)
			}
		}
	}
	text := s.cli("incident", "show", "INC-1", "--raw", "--server", s.at("admin"), "--token", s.token)
	if !strings.Contains(text, "alertmanager  CheckoutErrors  alert.firing") || !strings.Contains(text, "look at the queue first") {
		t.Errorf("it says:\n%s", text)
	}
	if said := s.cliFails("incident", "show", "INC-1", "--raw", "--server", s.at("admin"), "--data", t.TempDir()); !strings.Contains(said, "need a token") {
		t.Errorf("without a token: %s", said)
	}

	s.backout.stop(t)
	for where, data := range filesUnder(t, filepath.Join(s.path("data"), "nats")) {
		if strings.Contains(string(data), pasted) || strings.Contains(string(data), "open-sesame") {
			t.Errorf("a secret stands in %s", where)
		}
	}
	seq := seqOf(t, s.cli("log", "export", "--data", s.path("data")), "/resolved")
	s.cli("log", "redact", seq, "--reason", "a name", "--data", s.path("data"))
	s.restart("")
	if left := s.rawOf("INC-1"); len(left) != 2 || left[0].Events[0].Type != "backout.alert.firing" || left[0].Body == "" {
		t.Errorf("after the redaction: %+v", left)
	}
}

// rawOf reads the raw bodies of an incident by the command line.
func (s *shop) rawOf(id string) (bodies []console.RawBody) {
	s.t.Helper()
	out := s.cli("incident", "show", id, "--raw", "-o", "json", "--server", s.at("admin"), "--token", s.token)
	if err := json.Unmarshal([]byte(out), &bodies); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return bodies
}
