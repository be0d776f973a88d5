package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// bundleRecords bounds one bundle, so that an entry stays small.
const bundleRecords = 500

// ingress appends what comes in by HTTP, chat or command. While one entry is on
// its way to the disk, what arrives is bundled into the next.
type ingress struct {
	e       *Engine
	subject string
	queue   chan *request
	count   atomic.Uint64
}

// request is some records and the one who waits for them to be durable.
type request struct {
	records []orchestrator.Record
	ctx     context.Context //nolint:containedctx // bounds how long the bundle may be retried
	done    chan appended
}

type appended struct {
	seq uint64
	err error
}

func newIngress(e *Engine, subject string) *ingress {
	return &ingress{e: e, subject: subject, queue: make(chan *request, 4096)}
}

// add returns when the records are in the log.
func (in *ingress) add(ctx context.Context, records []orchestrator.Record) (uint64, error) {
	r := &request{records: records, ctx: ctx, done: make(chan appended, 1)}
	select {
	case in.queue <- r:
	case <-ctx.Done():
		return 0, fmt.Errorf("the log is busy: %w; try again", ctx.Err())
	case <-in.e.done:
		return 0, ErrStopped
	}
	select {
	case a := <-r.done:
		return a.seq, a.err
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for the log: %w; it may still arrive, sending it again does no harm", ctx.Err())
	case <-in.e.done:
		return 0, ErrStopped
	}
}

func (in *ingress) run() {
	for {
		select {
		case r := <-in.queue:
			in.append(in.bundle(r))
		case <-in.e.ctx.Done():
			return
		case <-in.e.done:
			return
		}
	}
}

// bundle takes what else waits already.
func (in *ingress) bundle(first *request) []*request {
	rs, n := []*request{first}, len(first.records)
	for n < bundleRecords {
		select {
		case r := <-in.queue:
			rs = append(rs, r)
			n += len(r.records)
		default:
			return rs
		}
	}
	return rs
}

func (in *ingress) append(rs []*request) {
	env := orchestrator.Envelope{
		ID: fmt.Sprintf("%s/%s/%d", in.e.opt.Core.Boot, in.subject, in.count.Add(1)),
		At: time.Now().UnixMilli(), Boot: in.e.opt.Core.Boot,
	}
	for _, r := range rs {
		env.Records = append(env.Records, r.records...)
	}
	data, err := env.Encode()
	var seq uint64
	if err == nil {
		seq, err = in.persist(orchestrator.Message{Subject: in.subject, ID: env.ID, Data: data})
	}
	if err == nil && seq > 0 {
		in.e.input(func() { in.e.offer(orchestrator.Entry{Seq: seq, Subject: in.subject, Data: data}) })
	}
	for _, r := range rs {
		r.done <- appended{seq, err}
	}
}

// persist tries until the fate of the message is known, under the same id.
func (in *ingress) persist(m orchestrator.Message) (uint64, error) {
	deadline := time.Now().Add(2 * appendWait)
	for {
		ctx, cancel := context.WithTimeout(in.e.ctx, appendWait)
		seq, err := in.e.opt.Log.Append(ctx, m)
		cancel()
		if err == nil || errors.Is(err, orchestrator.ErrLogFull) || errors.Is(err, orchestrator.ErrFenced) || time.Now().After(deadline) {
			return seq, err
		}
		select {
		case <-time.After(appendRetry):
		case <-in.e.ctx.Done():
			return 0, ErrStopped
		}
	}
}

// Ingest appends events and quarantined bodies; it returns when they are on
// disk. ErrLogFull means that the log takes no more.
func (e *Engine) Ingest(ctx context.Context, records []orchestrator.Record) error {
	_, err := e.events.add(ctx, records)
	return err
}

// Configure appends documents, tokens and the like, and returns when they are
// folded.
func (e *Engine) Configure(ctx context.Context, records ...orchestrator.Record) error {
	seq, err := e.admin.add(ctx, records)
	if err != nil {
		return err
	}
	return e.Settled(ctx, seq)
}

// Command says something in a person's name and returns what came of it, as the
// fold decided.
func (e *Engine) Command(ctx context.Context, c orchestrator.Command) (orchestrator.Reply, error) {
	ch := e.replies.wait(c.ID)
	defer e.replies.forget(c.ID, ch)
	if _, err := e.words.add(ctx, []orchestrator.Record{{Command: &c}}); err != nil {
		return orchestrator.Reply{}, err
	}
	select {
	case r := <-ch:
		return r, nil
	case <-ctx.Done():
		return orchestrator.Reply{}, fmt.Errorf("waiting for the outcome of %q: %w; it is in the log and will be decided", c.Verb, ctx.Err())
	case <-e.done:
		return orchestrator.Reply{}, ErrStopped
	}
}
