package engine

import (
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// CoreOptions are the settings of a Core.
type CoreOptions struct {
	// Instance names this instance; it stays the same over restarts.
	Instance string
	// Boot is a random id of this start.
	Boot string
	// Workers bounds the tasks that run at once; 0 means 32.
	Workers int
	// Alone is set when no other instance can be: a partition is then claimed
	// whoever had it.
	Alone bool
}

// Core is the engine without input and output. One goroutine drives it: it is
// told of entries, append outcomes and finished tasks, and asked with Next what
// to do now. Not safe for concurrent use.
type Core struct {
	fold  *orchestrator.Fold
	state *orchestrator.State
	opt   CoreOptions
	// shards are the partitions of the log, by number.
	shards []*shard
	// sent counts the messages of this boot, attempts the intents.
	sent, attempts uint64
	// peers are the other instances that are alive, since when is in since.
	peers map[string]Peer
	since map[string]time.Time
	// born is when Next was called first, turn when it was called last.
	born, turn time.Time
	// stopping is set when no new work is to be started; halted while the clock is
	// not to be trusted: then nothing waits for a time.
	stopping, halted bool
}

// shard is what this instance does for one partition.
type shard struct {
	p int
	// epoch is our claim, 0 while we are not the owner.
	epoch uint64
	act   *lane
	own   *lane
	pump  *lane
	// busy holds the ready keys being worked on, each with the action that is done, ""
	// for a read; jobs the intents that wait for their decision.
	busy   map[string]string
	jobs   map[string]*job
	timers map[string]bool
	// claimAfter holds back the next claim after a refused one, freeSince is since
	// when nobody seems to own it, ownerAt when the owner last appended.
	claimAfter, freeSince, ownerAt time.Time
	// ownedAt is when we got it, lost how often it was taken from us alive.
	ownedAt time.Time
	lost    int
	// yielding is set while it is about to be given back.
	yielding bool
	// calls are permitted and wait to be handed out.
	calls []Task
	// watches is when each watch is measured, by its number.
	watches map[uint64]*watchPace
}

// Append is a message to be appended to the log. The answer goes to Appended.
type Append struct {
	Lane *lane
	Msg  orchestrator.Message
}

// Work is everything to be started now.
type Work struct {
	Appends []Append
	Tasks   []Task
	// Wake is when Next wants to be called again at the latest; zero for never.
	Wake time.Time
}

// NewCore returns a core for a state that was folded so far.
func NewCore(fold *orchestrator.Fold, state *orchestrator.State, opt CoreOptions) *Core {
	if opt.Workers == 0 {
		opt.Workers = 32
	}
	return &Core{fold: fold, state: state, opt: opt, peers: map[string]Peer{}, since: map[string]time.Time{}}
}

// State is the folded state.
func (c *Core) State() *orchestrator.State { return c.state }

// Fold applies the next entry of the log. Its error stops the engine.
func (c *Core) Fold(now time.Time, e orchestrator.Entry) (*orchestrator.Folded, error) {
	out, err := c.fold.Apply(c.state, e)
	if err != nil {
		return nil, err
	}
	c.growShards()
	c.landed(out.ID)
	if p, ok := orchestrator.PartitionOf(e.Subject); ok && p < len(c.shards) {
		c.seeEntry(c.shards[p], now, e.Subject)
	}
	if cp, ok := c.checkpoint(e.Seq); ok {
		c.Post(0, orchestrator.Record{Checkpoint: &cp})
	}
	for i := range out.Decisions {
		c.decided(now, &out.Decisions[i])
	}
	return out, nil
}

// Next says what to do now. It must be called after every input.
func (c *Core) Next(now time.Time) Work {
	var w Work
	c.growShards()
	if c.born.IsZero() {
		c.born = now
	}
	c.turn = now
	c.dueTimers(now, &w)
	for _, s := range c.shards {
		if !c.stopping {
			c.claim(s, now, &w)
			c.rebalance(s, now, &w)
		}
		if s.epoch != 0 && !c.stopping && !s.yielding {
			c.readyJobs(s, &w)
			c.measureWatches(s, now, &w)
		} else {
			s.watches = nil
		}
		c.send(s, now, &w)
		w.Tasks = append(w.Tasks, s.calls...)
		s.calls = nil
	}
	return w
}

// seeEntry learns from an entry of an owner who that is and that it is alive.
func (c *Core) seeEntry(s *shard, now time.Time, subject string) {
	if subject == orchestrator.SubjectOwn(s.p) {
		c.seeOwner(s, now)
		return
	}
	c.heard(s, now, c.state.Meta().Now)
}

// checkpoint is what the owner of partition 0 tells the others every CheckEvery
// entries.
func (c *Core) checkpoint(seq uint64) (orchestrator.Checkpoint, bool) {
	if seq%orchestrator.CheckEvery != 0 || !c.Owns(0) {
		return orchestrator.Checkpoint{}, false
	}
	return c.state.Checkpoint(seq)
}

// Halt stops everything that waits for a time, while the clock is not to be
// trusted; what a person asked for goes on.
func (c *Core) Halt(on bool) { c.halted = on }

// Reclaim forgets what this start owns, so that it claims anew: after a suspend
// somebody else may long have taken over.
func (c *Core) Reclaim() {
	for _, s := range c.shards {
		s.epoch = 0
	}
}

// growShards makes the shards once the genesis entry told how many there are.
func (c *Core) growShards() {
	for p := len(c.shards); p < c.state.Meta().Partitions; p++ {
		c.shards = append(c.shards, &shard{
			p: p, act: &lane{subject: orchestrator.SubjectAct(p)}, own: &lane{subject: orchestrator.SubjectOwn(p)},
			pump: &lane{subject: orchestrator.SubjectEvents},
			busy: map[string]string{}, jobs: map[string]*job{}, timers: map[string]bool{},
		})
	}
}

// Post queues facts, such as what a provider said, for partition p.
func (c *Core) Post(p int, records ...orchestrator.Record) {
	if p >= len(c.shards) {
		return
	}
	for i := range records {
		c.shards[p].act.queue(item{rec: records[i], fact: true})
	}
}

// maxBacklog is how many records may wait for the log before what a provider said
// is dropped: while the log takes nothing it grows old, and the next poll says it
// anew.
const maxBacklog = 64

// backlog is how many records of a partition wait for the log.
func (c *Core) backlog(p int) int { return len(c.shards[p].act.items) }

// Stop starts no new work; what runs may report.
func (c *Core) Stop() { c.stopping = true }

// Idle reports whether nothing runs and nothing waits to be appended.
func (c *Core) Idle() bool {
	for _, s := range c.shards {
		if len(s.busy) > 0 || len(s.act.items) > 0 || s.act.inflight != nil {
			return false
		}
	}
	return true
}

func wake(w *Work, at time.Time) {
	if w.Wake.IsZero() || at.Before(w.Wake) {
		w.Wake = at
	}
}
