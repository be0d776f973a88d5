package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// batchBytes bounds what one batch may bring. An answer takes a few milliseconds;
// one that is silent for askAgain is asked for again, because any server of a
// cluster may have been picked to answer, a hung one too (a queue group over all
// replicas; nats-server client.go, processMsgResults).
const (
	batchBytes = 4 << 20
	askAgain   = 250 * time.Millisecond
)

var errSilent = errors.New("the server that was asked is silent")

type stored struct {
	seq     uint64
	subject string
	header  nats.Header
	data    []byte
}

// batch reads up to limit messages of a stream from a sequence on, by one direct
// get (NATS ADR-31): no consumer, no acknowledgement, nothing to redeliver.
func (b *Bus) batch(ctx context.Context, stream string, from uint64, limit int) ([]stored, error) {
	req, err := json.Marshal(map[string]any{"seq": from, "batch": limit, "max_bytes": batchBytes})
	if err != nil {
		return nil, fmt.Errorf("encoding a read: %w", err)
	}
	for {
		out, err := b.ask(ctx, "$JS.API.DIRECT.GET."+stream, req)
		if !errors.Is(err, errSilent) {
			return out, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("waiting for messages: %w", ctx.Err())
		}
	}
}

// ask sends one request and takes the answer in.
func (b *Bus) ask(ctx context.Context, subject string, req []byte) ([]stored, error) {
	inbox := b.nc.NewRespInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("subscribing for a read: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest(subject, inbox, req); err != nil {
		return nil, fmt.Errorf("asking for messages: %w", err)
	}
	var out []stored
	for {
		msg, err := next(ctx, sub)
		if err != nil {
			return nil, err
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
		case "204", "404":
			return out, nil
		default:
			return nil, fmt.Errorf("the server answered %s %s", status, msg.Header.Get("Description"))
		}
		seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading a message's sequence: %w", err)
		}
		out = append(out, stored{seq: seq, subject: msg.Header.Get("Nats-Subject"), header: msg.Header, data: msg.Data})
	}
}

// next waits a moment for the next message of an answer.
func next(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	moment, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	msg, err := sub.NextMsgWithContext(moment)
	switch {
	case err == nil:
		return msg, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("waiting for messages: %w", ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errSilent
	}
	return nil, fmt.Errorf("waiting for messages: %w", err)
}
