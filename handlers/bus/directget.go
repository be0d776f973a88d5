package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// batchBytes bounds what one batch may bring.
const batchBytes = 4 << 20

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
	inbox := b.nc.NewRespInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("subscribing for a read: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, req); err != nil {
		return nil, fmt.Errorf("asking for messages: %w", err)
	}
	var out []stored
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("waiting for messages: %w", err)
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
