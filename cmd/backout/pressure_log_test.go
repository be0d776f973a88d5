package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// Stories about pressure: the log at its limit, the disk full, NATS gone, the
// process stopped. Each ends where it would have without: one rollback, everything
// that was acknowledged known, nothing carried out late.

// longEvent is a CloudEvent that takes about 6 KiB of the log and starts nothing.
func longEvent(id string) json.RawMessage {
	labels := map[string]string{}
	for i := range 24 {
		labels[fmt.Sprintf("label_%02d", i)] = strings.Repeat("x", 240)
	}
	return cloudEvent(id, "backout.alert.resolved", map[string]any{"project": "noise", "environment": "production", "fingerprint": id, "name": id, "labels": labels})
}

// fill sends events until they are refused, and returns the ids of those that were
// acknowledged and what the refusal said.
func (s *shop) fill(name string) (acked []string, refusal string) {
	s.t.Helper()
	for i := range 200 {
		var batch []json.RawMessage
		var ids []string
		for j := range 5 {
			ids = append(ids, fmt.Sprintf("%s-%d-%d", name, i, j))
			batch = append(batch, longEvent(ids[j]))
		}
		status, said, err := s.hook("/hooks/events", must(json.Marshal(batch))(s.t), bearerOf(secrets()["E2E_HOOK_TOKEN"]))
		switch {
		case err != nil:
			s.t.Fatal(err)
		case status == http.StatusServiceUnavailable:
			return acked, said
		case status != http.StatusOK:
			s.t.Fatalf("the hook answered %d: %s", status, said)
		}
		acked = append(acked, ids...)
	}
	s.t.Fatalf("%d events were taken and none refused", len(acked))
	return nil, ""
}

// wantKnown expects that the fate of every event can be asked for.
func (s *shop) wantKnown(origin string, ids []string) {
	s.t.Helper()
	for _, id := range ids {
		s.waitKnown(origin, "e2e/"+id)
	}
}

// readyz is the status and the text of /readyz.
func (s *shop) readyz() (status int, said string) {
	s.t.Helper()
	req := must(http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.at("admin")+"/readyz", nil))(s.t)
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var body map[string]string
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return resp.StatusCode, body["error"] + body["log"]
}

// waitReadyz waits until /readyz answers with a status and a text.
func (s *shop) waitReadyz(status int, text string) {
	s.t.Helper()
	var got int
	var said string
	if !s.eventually(15*time.Second, func() bool {
		got, said = s.readyz()
		return got == status && strings.Contains(said, text)
	}) {
		s.t.Fatalf("/readyz says %d %s, want %d %s\n%s", got, said, status, text, s.backout.said())
	}
}

// metric reads one figure of /metrics.
func (s *shop) metric(name string) float64 {
	s.t.Helper()
	for line := range strings.SplitSeq(string(s.read("admin", "/metrics")), "\n") {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return must(strconv.ParseFloat(rest, 64))(s.t)
		}
	}
	s.t.Fatalf("/metrics has no %s", name)
	return 0
}

// doctor runs `backout doctor` against the running Backout.
func (s *shop) doctor() string {
	s.t.Helper()
	_, out, said := once(s.t, "", s.env, s.bin, "doctor", "--config", s.path("backout.yaml"), "--server", s.at("admin"))
	return out + said
}

// published hands an event in over NATS and wants it acknowledged.
func (s *shop) published(id string) {
	s.t.Helper()
	ack, err := s.dial().Publish(s.t.Context(), "backout.event.alert.noise", longEvent(id))
	if err != nil || ack.Stream != "BACKOUT" {
		s.t.Fatalf("a publisher was not acknowledged: %+v %v", ack, err)
	}
}

// TestPressure_logAtItsLimit: at nine tenths of the limit new signals are refused
// while people, results and claims go on; at ten tenths nothing is taken and
// nothing lost; a higher limit lets all go on.
func TestPressure_logAtItsLimit(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{MaxLog: "1MiB"})
	s.breakShop()
	s.waitsForYes()
	if status, said := s.readyz(); status != http.StatusOK || !strings.Contains(said, " of 1.0 MiB (") {
		t.Errorf("/readyz says %d %s", status, said)
	}
	t.Logf("at the start the log takes %.0f bytes", s.metric("backout_log_bytes"))
	acked, refusal := s.fill("http")
	t.Logf("refused after %d events, at %.0f of %.0f bytes: %s", len(acked), s.metric("backout_log_bytes"), s.metric("backout_log_limit_bytes"), refusal)
	if !strings.Contains(refusal, "the log is nearly full, so new signals are refused") {
		t.Errorf("the refusal says %s", refusal)
	}
	s.waitReadyz(http.StatusServiceUnavailable, "commands, results and claims still go in")
	if s.metric("backout_signals_refused") != 1 || s.metric("backout_log_bytes") < 0.9*s.metric("backout_log_limit_bytes") {
		t.Error("/metrics does not tell that signals are refused")
	}
	if said := s.doctor(); !strings.Contains(said, "the log is nearly full") || !strings.Contains(said, "Raise nats.max_log (1.0 MiB now)") {
		t.Errorf("doctor says\n%s", said)
	}
	s.published("waits")
	s.mustSay("approve INC-1 back")
	s.waitBack()
	s.backout.stop(t)
	s.restart("")
	if s.seen("nats/noise", "waits") {
		t.Error("the event in the inbox was taken although signals are refused")
	}
	s.mustSay("note INC-1 a restart on a full log")
	s.fillWithWords()
	s.waitReadyz(http.StatusServiceUnavailable, "the log is full")
	text, ok := s.say("ack INC-1")
	if ok { // it is a few bytes shorter than the shortest note, and may just have fitted
		text, ok = s.say("ack INC-1")
	}
	if ok || !strings.Contains(text, "the log is full") {
		t.Errorf("a command on a full log: %t %s", ok, text)
	}
	s.backout.stop(t)
	s.raise("4MiB")
	s.waitReadyz(http.StatusOK, " of 4.0 MiB (")
	s.wantKnown("nats/noise", []string{"waits"})
	s.wantKnown("http/events", acked)
	if more, _ := s.hookOne("after"); more != http.StatusOK {
		t.Errorf("after the limit was raised a signal is answered %d", more)
	}
	s.wellAgain()
	s.waitCured()
	s.wantOneRollback()
}

// raise starts Backout with another limit.
func (s *shop) raise(limit string) {
	s.t.Helper()
	s.o.MaxLog = limit
	s.writeConfig()
	s.restart("")
}

// hookOne sends one event over HTTP.
func (s *shop) hookOne(id string) (status int, said string) {
	s.t.Helper()
	status, said, err := s.hook("/hooks/events", longEvent(id), bearerOf(secrets()["E2E_HOOK_TOKEN"]))
	if err != nil {
		return 0, err.Error()
	}
	return status, said
}

// seen reports whether the fate of an event is known.
func (s *shop) seen(origin, id string) bool {
	var why []json.RawMessage
	return s.get("/api/v1/why", url.Values{"origin": {origin}, "id": {"e2e/" + id}}, &why) == nil && len(why) > 0
}

// fillWithWords says notes until the log takes no more.
func (s *shop) fillWithWords() {
	s.t.Helper()
	for size := 3900; size > 0; {
		if text, ok := s.say("note INC-1 " + strings.Repeat("x", size)); !ok {
			if !strings.Contains(text, "the log is full") {
				s.t.Fatalf("a note was refused: %s", text)
			}
			size /= 4
		}
	}
}

// TestPressure_logIsTrimmed: when entries leave the log, as they do when it is
// trimmed, a running Backout takes signals again by itself.
func TestPressure_logIsTrimmed(t *testing.T) {
	t.Parallel()
	address, env := externalNATS(t)
	s := newShop(t, shopOptions{NATSURL: address, Env: env, MaxLog: "512KiB"})
	s.waitServing("dpl_good2")
	acked, _ := s.fill("http")
	s.waitReadyz(http.StatusServiceUnavailable, "new signals are refused")
	s.wantKnown("http/events", acked)
	nc := must(nats.Connect(address, nats.UserInfo("engine", natsPasswords()["BACKOUT_NATS_ENGINE_PASSWORD"])))(t)
	t.Cleanup(nc.Close)
	log := must(must(jetstream.New(nc))(t).Stream(t.Context(), "BACKOUT_LOG"))(t)
	if err := log.Purge(t.Context(), jetstream.WithPurgeSubject(orchestrator.SubjectEvents)); err != nil {
		t.Fatal(err)
	}
	s.waitReadyz(http.StatusOK, " of 512.0 KiB (")
	if status, said := s.hookOne("after"); status != http.StatusOK {
		t.Errorf("after the log was trimmed a signal is answered %d %s", status, said)
	}
	s.wantKnown("http/events", []string{"after"})
	s.backout.stop(t)
}
