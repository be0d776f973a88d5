package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// beatEvery is the pause between two heartbeats.
const beatEvery = 500 * time.Millisecond

// Beat is one heartbeat: an instance says that it is alive and how far it is.
type Beat struct {
	Peer
	Boot   string `json:"boot"`
	Cursor uint64 `json:"cursor"`
	Owns   []int  `json:"owns,omitempty"`
	// Leaving is set in the last one: whoever hears it need not wait for silence.
	Leaving bool `json:"leaving,omitempty"`
}

// Heart carries heartbeats between instances. They are hints: nothing rests on
// one being heard. Safe for concurrent use.
type Heart interface {
	Beat(b Beat) error
	Beats() <-chan Beat
}

// peer is another instance and when it was heard last.
type peer struct {
	Beat
	at time.Time
}

// listen hands heartbeats of others to the loop.
func (e *Engine) listen() {
	for {
		select {
		case b := <-e.opt.Heart.Beats():
			if b.Instance == e.opt.Core.Instance {
				continue
			}
			e.input(func() { e.hear(b) })
		case <-e.ctx.Done():
			return
		}
	}
}

func (e *Engine) hear(b Beat) {
	if b.Leaving {
		delete(e.peers, b.Instance)
	} else {
		e.peers[b.Instance] = peer{b, time.Now()}
	}
	e.see(time.Now())
}

// see tells the core who is alive, and forgets who has been silent for too long.
func (e *Engine) see(now time.Time) {
	var alive []Peer
	for name, p := range e.peers {
		if now.Sub(p.at) >= Suspicion {
			delete(e.peers, name)
			continue
		}
		alive = append(alive, p.Peer)
	}
	e.core.See(e.clock.core(now), alive)
}

// beat sends a heartbeat when one is due. It comes from the loop, so a loop that
// hangs falls silent.
func (e *Engine) beat(now time.Time) {
	if e.opt.Heart == nil || now.Before(e.beatAt) {
		return
	}
	e.beatAt = now.Add(beatEvery)
	e.see(now)
	e.sendBeat(e.ownBeat())
}

// leave sends the last heartbeat.
func (e *Engine) leave() {
	b := e.ownBeat()
	b.Leaving = true
	e.sendBeat(b)
}

func (e *Engine) sendBeat(b Beat) {
	if e.opt.Heart == nil {
		return
	}
	if err := e.opt.Heart.Beat(b); err != nil {
		e.opt.Logger.Warn("a heartbeat was not sent; others may take the work over", "error", err)
	}
}

func (e *Engine) ownBeat() Beat {
	b := Beat{
		Peer: Peer{Instance: e.opt.Core.Instance, FoldVersion: orchestrator.FoldVersion, Ready: !e.core.stopping && !e.core.halted},
		Boot: e.opt.Core.Boot, Cursor: e.core.State().Meta().Cursor,
	}
	for p := range e.core.shards {
		if e.core.Owns(p) {
			b.Owns = append(b.Owns, p)
		}
	}
	return b
}

// Cluster is who is alive and who acts for what, as this instance sees it.
type Cluster struct {
	Self      string      `json:"self"`
	Instances []Member    `json:"instances"`
	Owners    []Placement `json:"partitions"`
	// Last is the newest entry of the log, Lag how many this instance has not folded.
	Last uint64 `json:"last"`
	Lag  uint64 `json:"lag"`
}

// Member is one instance. HeardMS is how long ago it was heard, in milliseconds.
type Member struct {
	Beat
	HeardMS int64 `json:"heard_ms"`
}

// Placement is a partition and its owner; Instance is empty while nobody has it. Home
// is whose it is to be while all these are alive; it may have none for one of them.
type Placement struct {
	Partition int    `json:"partition"`
	Instance  string `json:"instance"`
	Epoch     uint64 `json:"epoch"`
	Alive     bool   `json:"alive"`
	Home      string `json:"home"`
}

// Cluster asks the loop who is alive and who acts for what.
func (e *Engine) Cluster(ctx context.Context) (Cluster, error) {
	return ask(ctx, e, func() Cluster {
		now := time.Now()
		c := Cluster{Self: e.opt.Core.Instance, Instances: []Member{{Beat: e.ownBeat()}}}
		for _, p := range e.peers {
			c.Instances = append(c.Instances, Member{p.Beat, now.Sub(p.at).Milliseconds()})
		}
		slices.SortFunc(c.Instances, func(a, b Member) int { return cmp.Compare(a.Instance, b.Instance) })
		for p := range e.core.shards {
			own := e.core.State().Owner(p)
			at := Placement{Partition: p, Epoch: own.Epoch, Home: e.core.home(p)}
			if own.Epoch != 0 && !own.Released {
				_, alive := e.peers[own.Instance]
				at.Instance, at.Alive = own.Instance, alive || e.core.Owns(p)
			}
			c.Owners = append(c.Owners, at)
		}
		return c
	})
}
