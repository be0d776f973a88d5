package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// publishEvery is how often a publisher sends; publishLimit is how long it waits for
// an acknowledgement until it sends the same event again. An acknowledged event that
// is not known lostAfter all is over is lost.
const (
	publishEvery = 20 * time.Millisecond
	publishLimit = time.Second
	lostAfter    = 10 * time.Second
)

// event is a CloudEvent and the kind in its subject.
type event struct {
	kind string
	body []byte
}

// eventFrom is an event as any publisher would write it. Its data names the project.
func eventFrom(source, id, typ string, data map[string]any) []byte {
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": source, "type": typ,
		"time": time.Now().UTC().Format(time.RFC3339Nano), "data": data,
	})
	if err != nil {
		panic(err) // Strings and numbers always encode.
	}
	return body
}

type envelope struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Data   struct {
		Project string `json:"project"`
	} `json:"data"`
}

func envelopeOf(ev event) (e envelope) {
	_ = json.Unmarshal(ev.body, &e)
	return e
}

// noise is where events come from and go to that start nothing by themselves.
type noise struct{ source, project, environment string }

// numbered is the next event of the noise.
func (o noise) numbered(id string, n int) event {
	data := map[string]any{"project": o.project, "environment": o.environment}
	switch n % 3 {
	case 0:
		data["deployment_id"] = "dpl_" + strings.ReplaceAll(id, "-", "")
		return event{"deploy", eventFrom(o.source, id, orchestrator.DeployCreated, data)}
	case 1:
		data["name"], data["fingerprint"], data["severity"] = "Slow", id, "warning"
		return event{"alert", eventFrom(o.source, id, orchestrator.AlertFiring, data)}
	}
	data["provider"], data["event_ids"] = "stripe", []string{"evt_always_the_same"}
	return event{"webhook", eventFrom(o.source, id, orchestrator.WebhookFailed, data)}
}

// publishing are events that are published while what takes them dies and comes back.
// An event that was not acknowledged is sent again under the same id.
type publishing struct {
	// address is where NATS is now.
	address func() string
	noise   noise
	// noted is told of each acknowledgement when it came; nil for none.
	noted func(origin, id string)
	// urgent are events to be published next.
	urgent chan event
	mu     sync.Mutex
	// acked are origin and id of the acknowledged events.
	acked [][2]string
}

// acknowledged keeps that an event was taken by an ingress.
func (c *publishing) acknowledged(ingress string, ev event) {
	e := envelopeOf(ev)
	id := e.Source + "/" + e.ID
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = append(c.acked, [2]string{ingress, id})
	if c.noted != nil {
		c.noted(ingress, id)
	}
}

// pace runs fn every 20 ms until the context ends.
func pace(ctx context.Context, fn func()) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fn()
		case <-ctx.Done():
			return
		}
	}
}

// overNATS publishes one event after another until the context ends.
func (c *publishing) overNATS(ctx context.Context) {
	n, waiting := 0, false
	var ev event
	var line natsLine
	pace(ctx, func() {
		if !waiting {
			waiting = true
			select {
			case ev = <-c.urgent:
			default:
				n++
				ev = c.noise.numbered(fmt.Sprintf("n-%d", n), n)
			}
		}
		project := envelopeOf(ev).Data.Project
		if line.publish(ctx, c.address(), "backout.event."+ev.kind+"."+project, ev.body) {
			c.acknowledged("nats/"+project, ev)
			waiting = false
		}
	})
	line.close()
}

// natsLine is a publisher's connection, made again after each failure.
type natsLine struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// publish reports whether the message was acknowledged.
func (l *natsLine) publish(ctx context.Context, address, subject string, body []byte) bool {
	if l.nc == nil {
		nc, err := nats.Connect(address, nats.Timeout(publishLimit), nats.NoReconnect())
		if err != nil {
			return false
		}
		l.nc = nc
		l.js, _ = jetstream.New(nc)
	}
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	if _, err := l.js.Publish(ctx, subject, body); err != nil {
		l.close()
		return false
	}
	return true
}

func (l *natsLine) close() {
	if l.nc != nil {
		l.nc.Close()
		l.nc = nil
	}
}

// lost are the acknowledged events whose fate a Backout does not know. It may be on its
// way to the last of them for a while.
func (c *publishing) lost(ctx context.Context, get func(path string, query url.Values, v any) error) (lost [][2]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(lostAfter)
	for _, a := range c.acked {
		query := url.Values{"origin": {a[0]}, "id": {a[1]}}
		if poll(ctx, max(time.Until(until), time.Millisecond), "an event", func() bool {
			var why []orchestrator.WhyLine
			return get("/api/v1/why", query, &why) == nil && len(why) == 1
		}) != nil {
			lost = append(lost, a)
		}
	}
	return lost
}
