package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// Settings of the loop.
const (
	commitEvery = 20 * time.Millisecond
	commitMost  = 500 * time.Millisecond
	commitShare = 5
	quietFor    = time.Millisecond
	// besideFrom is what Options.CommitBeside is by default; besideMost is how many records
	// may gather beside a commit before the fold waits for it.
	besideFrom = 5_000
	besideMost = 200_000
	drainFor   = 5 * time.Millisecond
	pollEvery  = 250 * time.Millisecond
	gapWait    = 3 * time.Millisecond
	readLimit  = 512
	readWait   = 5 * time.Second
	lookWait   = 2 * time.Second
	// appendWait bounds one try; the same message is sent again under the same id,
	// so a server that hangs costs this long and no more.
	appendWait = 1500 * time.Millisecond
	persistFor = 10 * time.Second
	stopWait   = 10 * time.Second
	handOver   = time.Second
)

// Options are what an Engine works with.
type Options struct {
	Log     orchestrator.Log
	Store   *store.Store
	Rules   orchestrator.Rules
	Actions map[string]orchestrator.Action
	Core    CoreOptions
	Inbox   Inbox
	Sources []orchestrator.Source
	// SourceEvery is the pause between two polls of a source; 0 means 30 s.
	SourceEvery time.Duration
	// Room tells how full the log is; nil when it has no limit.
	Room orchestrator.Sized
	// Heart carries heartbeats between instances; nil when there can be no other.
	Heart Heart
	// Bell rings when another instance may have appended something.
	Bell <-chan struct{}
	// Keeper tells of the log and trims it; nil when nobody does.
	Keeper Keeper
	// Snapshots keeps copies of the state, made every SnapshotEvery; 0 means 1 h.
	Snapshots     Snapshots
	SnapshotEvery time.Duration
	// CommitBeside is from how many records on a commit runs beside the fold, which costs
	// both of them a little; 0 means 5,000, for which the fold would stand still for some
	// ten milliseconds, half of them waiting for the disk.
	CommitBeside int
	// Clock is the machine's when nil.
	Clock   Clock
	Logger  *slog.Logger
	Metrics Metrics
}

// Metrics counts what the engine does. Implementations are safe for concurrent
// use.
type Metrics interface {
	Folded(entries int, lag time.Duration)
	Called(action string, kind TaskKind, outcome string, took time.Duration)
	Committed(took time.Duration)
}

// Engine runs a Core on a real log, store and clock. Start it with Run; every
// other method is safe for concurrent use.
type Engine struct {
	opt  Options
	core *Core
	// polling is set once the sources are asked.
	polling bool
	inputs  chan func()
	view    *store.View
	// The rest belongs to the loop goroutine.
	pending   map[uint64]orchestrator.Entry
	dirtyFrom time.Time
	// took is how long the last commit took, kept up to which entry the store is on
	// disk, beside a commit that runs.
	took   time.Duration
	kept   uint64
	beside beside
	// heard is when the last input came.
	heard    time.Time
	gapAt    time.Time
	looking  bool
	wake     *time.Timer
	waiting  []waiter
	watchers map[chan []uint64]bool
	pumping  bool
	// pumpMost bounds the next batch of the inbox.
	pumpMost int
	failed   error
	room     *room
	polled   time.Time
	// rung is when the bell rang last; peers are the other instances that were heard.
	rung   time.Time
	beatAt time.Time
	peers  map[string]peer
	clock  *clockGuard
	// ends is how the log was last, folded how far we were then; keeping and copying
	// are set while the log is asked and a snapshot made.
	ends     orchestrator.LogEnds
	folded   uint64
	short    int
	keepAt   time.Time
	keeping  bool
	copying  bool
	copied   uint64
	copiedAt time.Time
	// endsAt is when the log last answered; blind are sources that could not be read,
	// pageErr why the last page was not sent.
	endsAt  time.Time
	auditAt time.Time
	blind   map[string]string
	pageErr string
	// jumpTold is set when we told the log that our clock jumped, jumpSeen when the log
	// says so.
	jumpTold, jumpSeen bool
	purged             time.Time
	// replies has those who wait for the outcome of a command.
	replies replies
	// tasks are the goroutines the loop started; lanes bundle what this process
	// appends besides the core.
	tasks  sync.WaitGroup
	events *ingress
	words  *ingress
	admin  *ingress
	ctx    context.Context //nolint:containedctx // the life of the tasks the loop starts
	done   chan struct{}
}

// waiter waits until the store holds what was folded up to seq.
type waiter struct {
	seq uint64
	ch  chan error
	// gone is closed when nobody waits any more: an entry that never comes may be asked for.
	gone <-chan struct{}
}

func (w *waiter) left() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// ErrStopped is returned to those who wait when the engine has stopped.
var ErrStopped = errors.New("backout is stopping")

// New opens the state and prepares an engine.
func New(o Options) (*Engine, error) {
	if o.SourceEvery == 0 {
		o.SourceEvery = 30 * time.Second
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = time.Hour
	}
	if o.Clock == nil {
		o.Clock = newSystemClock()
	}
	fold, err := orchestrator.NewFold(o.Rules)
	if err != nil {
		return nil, err
	}
	view, err := o.Store.Begin()
	if err != nil {
		return nil, err
	}
	var state *orchestrator.State
	err = surviving(func() (err error) {
		state, err = orchestrator.NewState(view)
		return err
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{
		opt: o, core: NewCore(fold, state, o.Core), view: view, inputs: make(chan func(), 1024),
		pending: map[uint64]orchestrator.Entry{}, watchers: map[chan []uint64]bool{}, done: make(chan struct{}),
		replies: replies{waiting: map[string]chan orchestrator.Reply{}}, peers: map[string]peer{}, blind: map[string]string{}, clock: newClockGuard(o.Clock),
		room: newRoom(), pumpMost: pumpRecords, kept: state.Meta().Cursor,
	}
	e.events = newIngress(e, orchestrator.SubjectEvents)
	e.words = newIngress(e, orchestrator.SubjectCommands)
	e.admin = newIngress(e, orchestrator.SubjectConfig)
	return e, nil
}

// Run drives the engine until ctx ends or a guard stops it. It returns nil after
// a clean stop: no new work, what runs reported, everything committed, claims
// given back.
func (e *Engine) Run(ctx context.Context) error {
	return surviving(func() error { return e.run(ctx) })
}

func (e *Engine) run(ctx context.Context) error {
	tasks, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer e.tasks.Wait()
	defer close(e.done)
	defer cancel()
	e.ctx = tasks
	e.wake = time.NewTimer(0)
	e.copiedAt = time.Now()
	defer e.wake.Stop()
	if err := e.checkStart(ctx); err != nil {
		return err
	}
	if err := e.catchUp(ctx); err != nil {
		return err
	}
	if err := e.claimsKept(ctx); err != nil {
		return err
	}
	for _, in := range []*ingress{e.events, e.words, e.admin} {
		e.tasks.Go(in.run)
	}
	if e.opt.Room != nil {
		e.weigh() // before anything is taken
		e.tasks.Go(e.watchRoom)
	}
	polls, endPolls := context.WithCancel(ctx)
	defer endPolls() // also when a guard ends the engine and ctx goes on
	e.startPolls(polls)
	if e.opt.Heart != nil {
		e.tasks.Go(e.listen)
	}
	if e.opt.Bell != nil {
		e.tasks.Go(e.answerBell)
	}
	for e.failed == nil {
		select {
		case fn := <-e.inputs:
			fn()
			e.drain()
			e.heard = time.Now()
		case err := <-e.beside.done:
			e.endCommit(err)
		case <-e.wake.C:
		case <-ctx.Done():
			return e.stop(cancel)
		}
		e.turn()
		e.startPolls(polls)
	}
	cancel()
	return e.failed
}

// drain takes what else has come, so that one turn serves many inputs. It ends
// after drainFor: an entry may carry hundreds of records, and in a storm the steps
// they made ready, and the commit, do not wait for the end of the queue.
func (e *Engine) drain() {
	for until := time.Now().Add(drainFor); time.Now().Before(until); {
		select {
		case fn := <-e.inputs:
			fn()
		default:
			return
		}
	}
}

// turn does what is to be done after new inputs: missing entries, the core's
// wishes, the commit, the next wake-up.
func (e *Engine) turn() {
	e.look(time.Now())
	if e.failed != nil {
		return
	}
	e.watchClock(time.Now())
	e.keep(time.Now())
	e.audit(time.Now())
	e.beat(time.Now())
	w := e.core.Next(e.clock.now())
	for _, a := range w.Appends {
		e.append(a)
	}
	for _, t := range w.Tasks {
		e.start(t)
	}
	e.pump()
	e.commitIfDue(time.Now())
	next := e.nextLook(time.Now())
	if !w.Wake.IsZero() && e.clock.real(w.Wake).Before(next) {
		next = e.clock.real(w.Wake)
	}
	if e.opt.Heart != nil && e.beatAt.Before(next) {
		next = e.beatAt
	}
	if at := e.commitAt(); !at.IsZero() && at.Before(next) {
		next = at
	}
	e.wake.Reset(max(0, time.Until(next)))
}

// offer takes an entry this process appended: the short cut past the read.
func (e *Engine) offer(entry orchestrator.Entry) {
	cursor := e.core.State().Meta().Cursor
	switch {
	case entry.Seq <= cursor:
	case entry.Seq == cursor+1:
		if e.fold(entry) {
			e.foldPending()
		}
	default:
		e.pending[entry.Seq] = entry
	}
}

func (e *Engine) foldPending() {
	for len(e.pending) > 0 {
		next := e.core.State().Meta().Cursor + 1
		entry, ok := e.pending[next]
		if !ok {
			for seq := range e.pending {
				if seq < next {
					delete(e.pending, seq)
				}
			}
			return
		}
		delete(e.pending, next)
		if !e.fold(entry) {
			return
		}
	}
}

// fold applies one entry and tells those who wait for it.
func (e *Engine) fold(entry orchestrator.Entry) bool {
	if e.failed != nil {
		return false
	}
	out, err := e.core.Fold(e.clock.now(), entry)
	if err != nil {
		e.failed = e.trimmedPast(err)
		if !errors.Is(e.failed, ErrBehind) {
			e.failed = fmt.Errorf("folding entry %d: %w. Nothing more is done; the data is as it was. Run `backout log verify`, then see README, \"When the log is damaged\"", entry.Seq, err)
		}
		return false
	}
	if e.dirtyFrom.IsZero() {
		e.dirtyFrom = time.Now()
	}
	e.seeClock()
	for _, r := range out.Replies {
		e.replies.give(r)
	}
	if len(out.Changed) > 0 {
		for ch := range e.watchers {
			select {
			case ch <- out.Changed:
			default:
			}
		}
	}
	if e.opt.Metrics != nil {
		lag := time.Since(time.UnixMilli(e.core.State().Meta().Now))
		e.opt.Metrics.Folded(1, lag)
	}
	return true
}
