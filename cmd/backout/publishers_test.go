package main

import (
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publishers as others would be: over NATS, and over HTTP with a token.

func bearerOf(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
}

// cloudEvent is an event as any publisher would write it.
func cloudEvent(id, typ string, data map[string]any) []byte {
	if data["project"] == nil {
		data["project"] = "shop"
	}
	return eventFrom("e2e", id, typ, data)
}

// alert is the data of an alert that fires now.
func alert(fingerprint, severity string) map[string]any {
	return map[string]any{
		"environment": "production", "component": "checkout", "fingerprint": fingerprint, "name": "HealthCheckFailed",
		"severity": severity, "summary": "checkout answers 500", "starts_at": time.Now().UTC().Format(time.RFC3339Nano),
	}
}

// dial connects an ordinary NATS client.
func (s *shop) dial(opts ...nats.Option) jetstream.JetStream {
	s.t.Helper()
	nc := must(nats.Connect(s.at("nats"), append([]nats.Option{nats.Timeout(5 * time.Second)}, opts...)...))(s.t)
	s.t.Cleanup(nc.Close)
	return must(jetstream.New(nc))(s.t)
}

// publish hands one event in over NATS and waits for the acknowledgement.
func (s *shop) publish(kind, typ string, data map[string]any) {
	s.t.Helper()
	id := must(randomHex(8))(s.t)
	if _, err := s.dial().Publish(s.t.Context(), "backout.event."+kind+".shop", cloudEvent(id, typ, data)); err != nil {
		s.t.Fatal(err)
	}
}
