package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inboxWay publishes to the inbox, as a program with a NATS account does: many
// events at once, each acknowledged.
type inboxWay struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// newInboxWay connects a publisher.
func newInboxWay(url string, senders int) (*inboxWay, error) {
	nc, err := nats.Connect(url, nats.Timeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connecting a publisher: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*senders*ingestPerPost))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connecting a publisher: %w", err)
	}
	return &inboxWay{nc: nc, js: js}, nil
}

func (w *inboxWay) close() { w.nc.Close() }

// send publishes the events of a message and waits until all of them are
// acknowledged.
func (w *inboxWay) send(ctx context.Context, m *alertMessage) (busy bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, benchSettle)
	defer cancel()
	acks := make([]jetstream.PubAckFuture, 0, ingestPerPost)
	repeats := m.repeats()
	for i := range repeats + m.fresh {
		n := m.first + i - repeats
		if i < repeats {
			n = m.repeated(i)
		}
		ack, err := w.js.PublishAsync("backout.event.alert."+benchProject(m.env), m.cloudEvent(n))
		if err != nil {
			return false, fmt.Errorf("publishing an event: %w", err)
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			if errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoStreamResponse) {
				return true, nil
			}
			return false, fmt.Errorf("publishing an event: %w", err)
		case <-ctx.Done():
			return false, fmt.Errorf("an event was not acknowledged: %w", ctx.Err())
		}
	}
	return false, nil
}

// cloudEvent is alert i of the environment as a publisher writes it.
func (m *alertMessage) cloudEvent(i int) []byte {
	at := m.startsAt(i).Format(time.RFC3339Nano)
	b := make([]byte, 0, 512)
	b = append(b, `{"specversion":"1.0","id":"`...)
	b = append(b, m.fingerprint(i)...)
	b = append(b, `","source":"bench","type":"backout.alert.firing","time":"`...)
	b = append(b, at...)
	b = append(b, `","datacontenttype":"application/json","data":{"project":"`...)
	b = append(b, benchProject(m.env)...)
	b = append(b, `","environment":"`...)
	b = append(b, benchEnvironment(m.env)...)
	b = append(b, `","fingerprint":"`...)
	b = append(b, m.fingerprint(i)...)
	b = append(b, `","name":"HighErrorRate","severity":"critical","summary":"5xx above 5 % on instance `...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `","starts_at":"`...)
	b = append(b, at...)
	return append(b, `"}}`...)
}
