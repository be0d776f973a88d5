package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// monitor is an ordinary publisher: it probes the shop as a monitoring system
// would and publishes what it sees over NATS.
type monitor struct {
	w       *demoWorld
	nc      *nats.Conn
	js      jetstream.JetStream
	failing map[string]string
	stop    func()
}

// startMonitor publishes the promotion, then alerts as they come and go.
func (w *demoWorld) startMonitor(ctx context.Context) *monitor {
	m, err := w.connectMonitor()
	if err != nil {
		return m
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	m.publish(ctx, "deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	wg.Go(func() {
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.probe(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	m.stop = func() {
		cancel()
		wg.Wait()
		m.nc.Close()
	}
	return m
}

// connectMonitor connects a publisher, which publishes nothing yet.
func (w *demoWorld) connectMonitor() (*monitor, error) {
	m := &monitor{w: w, failing: map[string]string{}, stop: func() {}}
	nc, err := nats.Connect(w.nats, nats.Timeout(5*time.Second))
	if err != nil {
		return m, fmt.Errorf("connecting a publisher: %w", err)
	}
	m.nc = nc
	m.js, err = jetstream.New(nc)
	return m, err
}

// probe looks at every domain and says what changed.
func (m *monitor) probe(ctx context.Context) {
	for _, host := range []string{"shop.test", "www.shop.test", "seller.shop.test"} {
		bad := !m.healthy(ctx, host)
		since, was := m.failing[host]
		data := map[string]any{
			"environment": "production", "component": "checkout", "fingerprint": "health/" + host, "name": "HealthCheckFailed",
			"severity": "critical", "summary": host + " answers 500", "release": "bad5eed",
		}
		switch {
		case bad && !was:
			since = time.Now().UTC().Format(time.RFC3339Nano)
			data["starts_at"] = since
			if m.publish(ctx, "alert", "backout.alert.firing", data) {
				m.failing[host] = since
			}
		case !bad && was:
			data["starts_at"] = since
			if m.publish(ctx, "alert", "backout.alert.resolved", data) {
				delete(m.failing, host)
			}
		}
	}
}

func (m *monitor) healthy(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.w.urls.Shop+"/api/health", nil)
	if err != nil {
		return true
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return true
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// publish sends a CloudEvent and reports whether the server has it on disk.
func (m *monitor) publish(ctx context.Context, kind, typ string, data map[string]any) bool {
	id, err := randomHex(8)
	if err != nil {
		return false
	}
	data["project"] = "shop"
	body, err := json.Marshal(map[string]any{"specversion": "1.0", "id": id, "source": "demo/monitor", "type": typ, "time": time.Now().UTC().Format(time.RFC3339Nano), "data": data})
	if err != nil {
		return false
	}
	_, err = m.js.Publish(ctx, "backout.event."+kind+".shop", body)
	return err == nil
}
