package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// InboxMessage is one message of the inbox as its publisher sent it.
type InboxMessage struct {
	Seq uint64
	// Subject is backout.event.KIND.PROJECT; a publisher may publish under the
	// projects its account allows.
	Subject string
	MsgID   string
	Data    []byte
}

// InboxID names this inbox: an inbox made anew counts from 1 again.
func (b *Bus) InboxID() string { return b.inbox }

// ReadInbox returns up to limit messages from a sequence on.
func (b *Bus) ReadInbox(ctx context.Context, from uint64, limit int) ([]InboxMessage, error) {
	msgs, err := b.batch(ctx, InboxStream, from, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the inbox from message %d: %w", from, err)
	}
	out := make([]InboxMessage, len(msgs))
	for i, m := range msgs {
		out[i] = InboxMessage{Seq: m.seq, Subject: m.subject, MsgID: m.header.Get("Nats-Msg-Id"), Data: m.data}
	}
	return out, nil
}

// Doorbell rings when something was published to the inbox, perhaps a moment
// before it can be read. The channel holds one ring. stop ends it.
func (b *Bus) Doorbell() (rings <-chan struct{}, stop func(), err error) {
	ch := make(chan struct{}, 1)
	sub, err := b.nc.Subscribe("backout.event.>", ring(ch))
	if err != nil {
		return nil, nil, fmt.Errorf("listening for events: %w", err)
	}
	return ch, func() { _ = sub.Unsubscribe() }, nil
}

// PurgeInbox drops what the log has taken over.
func (b *Bus) PurgeInbox(ctx context.Context, upto uint64) error {
	s, err := b.js.Stream(ctx, InboxStream)
	if err != nil {
		return fmt.Errorf("opening the inbox: %w", err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(upto+1)); err != nil {
		return fmt.Errorf("purging the inbox up to %d: %w", upto, err)
	}
	return nil
}
