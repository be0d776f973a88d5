package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// goneWait is how long a message waits for a server that is not there: one that
// restarts is back by then, and who waits for longer is better told.
const goneWait = 2 * time.Second

// Bounds of one bundle: an entry stays under 512 KiB unless a single request is
// larger than that.
const (
	bundleRecords = 500
	bundleBytes   = 480 << 10
)

// maxAhead is how many entries of one ingress may be in the log before the fold
// has read them. In a storm the senders wait for the fold then; otherwise the
// commands of people would wait for everything senders were told is done.
const maxAhead = 4

// ingress appends what comes in by HTTP, chat or command. While one entry is on
// its way to the disk, what arrives is bundled into the next.
type ingress struct {
	e       *Engine
	subject string
	queue   chan *request
	count   atomic.Uint64
	// ahead holds a place for each entry that is in the log and not folded yet.
	ahead chan struct{}
}

// request is some records and the one who waits for them to be durable.
type request struct {
	// body is the records as JSON, joined by commas; count says how many.
	body  []byte
	count int
	done  chan appended
	// left is closed when nobody waits any more.
	left <-chan struct{}
}

// given reports whether somebody still waits. What was said long ago and reported
// as failed must not be carried out when the log comes back.
func (r *request) given() bool {
	select {
	case <-r.left:
		return false
	default:
		return true
	}
}

type appended struct {
	seq uint64
	err error
}

func newIngress(e *Engine, subject string) *ingress {
	return &ingress{e: e, subject: subject, queue: make(chan *request, 4096), ahead: make(chan struct{}, maxAhead)}
}

// add returns when the records are in the log.
func (in *ingress) add(ctx context.Context, records []orchestrator.Record) (uint64, error) {
	body, err := orchestrator.EncodeRecords(records)
	if err != nil {
		return 0, err
	}
	if len(body) > orchestrator.MaxEntry-entryBytes {
		return 0, fmt.Errorf("%d bytes are %w", len(body), orchestrator.ErrTooLong)
	}
	r := &request{body: body, count: len(records), done: make(chan appended, 1), left: ctx.Done()}
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
			for r != nil {
				var rs []*request
				rs, r = in.bundle(r)
				if rs = slices.DeleteFunc(rs, func(r *request) bool { return !r.given() }); len(rs) > 0 {
					in.append(rs)
				}
			}
		case <-in.e.ctx.Done():
			return
		case <-in.e.done:
			return
		}
	}
}

// bundle takes what else waits already, and returns the request that did not
// fit any more.
func (in *ingress) bundle(first *request) (rs []*request, next *request) {
	rs, n, size := []*request{first}, first.count, len(first.body)
	for n < bundleRecords {
		select {
		case r := <-in.queue:
			if size += len(r.body); size > bundleBytes {
				return rs, r
			}
			rs = append(rs, r)
			n += r.count
		default:
			return rs, nil
		}
	}
	return rs, nil
}

func (in *ingress) append(rs []*request) {
	bodies := make([][]byte, len(rs))
	for i, r := range rs {
		bodies[i] = r.body
	}
	env := orchestrator.Envelope{
		ID: fmt.Sprintf("%s/%s/%d", in.e.opt.Core.Boot, in.subject, in.count.Add(1)),
		At: in.e.clock.now().UnixMilli(), Boot: in.e.opt.Core.Boot,
	}
	data, err := env.EncodeWith(bodies)
	var seq uint64
	if err == nil {
		seq, err = in.persist(orchestrator.Message{Subject: in.subject, ID: env.ID, Data: data})
	}
	if err == nil && seq > 0 {
		entry := orchestrator.Entry{Seq: seq, Subject: in.subject, Data: data}
		entry.DecodeAhead()
		in.offer(entry)
	}
	for _, r := range rs {
		r.done <- appended{seq, err}
	}
}

// offer hands an entry to the fold, once few enough are before it.
func (in *ingress) offer(entry orchestrator.Entry) {
	select {
	case in.ahead <- struct{}{}:
		in.e.input(func() {
			in.e.offer(entry)
			<-in.ahead
		})
	case <-in.e.done:
	}
}

// persist tries until the fate of the message is known, under the same id.
func (in *ingress) persist(m orchestrator.Message) (uint64, error) {
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(in.e.ctx, appendWait)
		seq, err := in.e.appendTo(ctx, m)
		cancel()
		if err == nil || known(err) || time.Since(began) > persistFor || (errors.Is(err, orchestrator.ErrLogGone) && time.Since(began) > goneWait) {
			return seq, err
		}
		select {
		case <-time.After(appendRetry):
		case <-in.e.ctx.Done():
			return 0, ErrStopped
		}
	}
}

// known reports whether the fate of a message is: it was turned away.
func known(err error) bool {
	return errors.Is(err, orchestrator.ErrLogFull) || errors.Is(err, orchestrator.ErrFenced) || errors.Is(err, orchestrator.ErrTooLong)
}

// Ingest appends events and quarantined bodies; it returns when they are on
// disk. ErrLogNearlyFull and ErrLogFull mean that the log takes no more of them.
func (e *Engine) Ingest(ctx context.Context, records []orchestrator.Record) error {
	if e.room.now().Refusing {
		return orchestrator.ErrLogNearlyFull
	}
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
