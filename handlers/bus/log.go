package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/aimarketplace/backout/orchestrator"
)

// streamFull is JSStreamStoreFailedF of nats-server's errors.json, which a stream that
// discards nothing answers at its limit.
const streamFull jetstream.ErrorCode = 10077

// headerSum carries the sum of a body that was redacted.
const headerSum = "Backout-Sum"

// Append implements orchestrator.Log. The server has synced the entry to disk
// when it returns. A sequence of 0 means that the entry was there already.
func (b *Bus) Append(ctx context.Context, m orchestrator.Message) (uint64, error) {
	if !b.nc.IsConnected() {
		return 0, fmt.Errorf("%w: not connected to NATS", orchestrator.ErrLogGone)
	}
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data}
	opts := []jetstream.PublishOpt{jetstream.WithMsgID(m.ID), jetstream.WithRetryAttempts(0)}
	if m.Fence != nil {
		opts = append(opts, jetstream.WithExpectLastSequenceForSubject(m.Fence.Seq, m.Fence.Subject))
	}
	ack, err := b.js.PublishMsg(ctx, msg, opts...)
	if err != nil {
		err = appendError(m, err)
		b.answered(err)
		return 0, err
	}
	b.unheard.heard()
	if ack.Duplicate {
		return 0, nil
	}
	return ack.Sequence, nil
}

// answered goes to another server of the cluster when this one has not answered
// for a while.
func (b *Bus) answered(err error) {
	if errors.Is(err, orchestrator.ErrFenced) || errors.Is(err, orchestrator.ErrLogFull) {
		b.unheard.heard()
		return
	}
	if b.unheard.missed(time.Now()) && Clustered(b.nc) {
		_ = b.nc.ForceReconnect() // it says so only when the connection is closed for good
	}
}

func appendError(m orchestrator.Message, err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting) {
		return fmt.Errorf("%w: %w", orchestrator.ErrLogGone, err)
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		if api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			return orchestrator.ErrFenced
		}
		if api.ErrorCode == streamFull {
			return orchestrator.ErrLogFull
		}
	}
	return fmt.Errorf("appending to %s: %w", m.Subject, err)
}

// Read implements orchestrator.Log.
func (b *Bus) Read(ctx context.Context, from uint64, limit int) ([]orchestrator.Entry, error) {
	msgs, err := b.batch(ctx, LogStream, from, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the log from entry %d: %w", from, err)
	}
	entries := make([]orchestrator.Entry, len(msgs))
	for i, m := range msgs {
		entries[i] = orchestrator.Entry{Seq: m.seq, Subject: m.subject, Data: m.data, Sum: m.header.Get(headerSum)}
	}
	return entries, nil
}
