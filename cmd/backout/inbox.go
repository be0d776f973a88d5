package main

import (
	"context"
	"time"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
)

// inboxWait is how long Take waits for a first message; ringLooks is how often it
// looks again after a ring, ringPause apart.
const (
	inboxWait = 500 * time.Millisecond
	ringLooks = 12
	ringPause = 250 * time.Microsecond
)

// inbox joins the bus, which holds publishers' messages, with the decoders.
type inbox struct {
	bus   *bus.Bus
	rings <-chan struct{}
}

// ID implements engine.Inbox.
func (i *inbox) ID() string { return i.bus.InboxID() }

// Purge implements engine.Inbox.
func (i *inbox) Purge(ctx context.Context, upto uint64) error { return i.bus.PurgeInbox(ctx, upto) }

// Take implements engine.Inbox.
func (i *inbox) Take(ctx context.Context, from uint64, limit, bytes int) ([]orchestrator.Record, uint64, error) {
	msgs, err := i.wait(ctx, from, limit)
	if err != nil {
		return nil, 0, err
	}
	var records []orchestrator.Record
	to, size := uint64(0), 0
	for _, m := range msgs {
		if size += len(m.Data); size > bytes && len(records) > 0 {
			break
		}
		rec, err := i.decode(ctx, m)
		if err != nil {
			return nil, 0, err
		}
		records = append(records, rec)
		to = m.Seq
	}
	return records, to, nil
}

// decode reads one message; a body worth keeping whole goes to a blob first.
func (i *inbox) decode(ctx context.Context, m bus.InboxMessage) (orchestrator.Record, error) {
	item := gateway.DecodeInbox(m.Seq, m.Subject, m.MsgID, m.Data)
	if len(item.Keep) > 0 {
		hash, err := i.bus.PutBlob(ctx, item.Keep)
		if err != nil {
			return orchestrator.Record{}, err
		}
		item.SetBlob(hash)
	}
	return item.Record, nil
}

// wait reads what is there, or waits for the doorbell. The bell may ring a
// moment before the message can be read, or for one that was read already, so
// after a ring it looks a few times in quick succession and listens on.
func (i *inbox) wait(ctx context.Context, from uint64, limit int) ([]bus.InboxMessage, error) {
	timer := time.NewTimer(inboxWait)
	defer timer.Stop()
	looks := 0
	for {
		msgs, err := i.bus.ReadInbox(ctx, from, limit)
		if err != nil || len(msgs) > 0 {
			return msgs, err
		}
		var again <-chan time.Time
		if looks > 0 {
			looks--
			again = time.After(ringPause)
		}
		select {
		case <-i.rings:
			looks = ringLooks
		case <-again:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
