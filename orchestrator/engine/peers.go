package engine

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Peer is another instance of the same installation that is alive.
type Peer struct {
	Instance string `json:"instance"`
	// FoldVersion is the newest behaviour it can fold.
	FoldVersion int `json:"fold_version"`
	// Ready is set when it has read the log and may be given work.
	Ready bool `json:"ready"`
}

// Times of changing owners. An owner is suspected after a silence of Suspicion;
// a claim on what another instance would rather have waits strangerWait for it, and
// a new start listens for heartbeats before it takes what is free.
// What is better placed elsewhere is given away only after the other was there
// for settledFor. Claims on an owner that turned out to be alive are repeated
// ever more slowly, up to maxBackoff.
const (
	Suspicion    = 2500 * time.Millisecond
	strangerWait = 1500 * time.Millisecond
	listenFirst  = 1200 * time.Millisecond
	settledFor   = 5 * time.Second
	maxBackoff   = time.Minute
)

// See tells the core which other instances are alive now; who is not among them
// is suspected to be gone. A wrong suspicion is safe, only noisy.
func (c *Core) See(now time.Time, peers []Peer) {
	known := map[string]Peer{}
	for _, p := range peers {
		known[p.Instance] = p
		if _, had := c.since[p.Instance]; !had {
			c.since[p.Instance] = now
		}
	}
	for name := range c.since {
		if _, still := known[name]; !still {
			delete(c.since, name)
		}
	}
	c.peers = known
}

// heard notes that the owner of a shard appended something: it is alive, however
// its heartbeats fare.
func (c *Core) heard(s *shard, now time.Time, at int64) {
	if now.Sub(time.UnixMilli(at)) < Suspicion {
		s.ownerAt = now
	}
}

// gone reports whether the owner of a shard is suspected.
func (c *Core) gone(s *shard, own orchestrator.Owner, now time.Time) bool {
	_, alive := c.peers[own.Instance]
	return !alive && now.Sub(later(s.ownerAt, c.born)) >= Suspicion
}

// home is the instance that a partition belongs to while all these are alive: the
// highest hash wins (rendezvous hashing), so one that comes or goes moves only
// its own share.
func (c *Core) home(p int) string {
	best, at := c.opt.Instance, weight(c.opt.Instance, p)
	for name, peer := range c.peers {
		if w := weight(name, p); peer.Ready && (w > at || (w == at && name < best)) {
			best, at = name, w
		}
	}
	return best
}

func weight(instance string, p int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(instance + "/" + strconv.Itoa(p)))
	// One more round, because neighbouring names and numbers give neighbouring sums.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}

// speaks is the fold version of a claim: the newest that everybody who is alive
// can fold, and never older than what the log is at.
func (c *Core) speaks() int {
	v := orchestrator.FoldVersion
	for _, p := range c.peers {
		v = min(v, p.FoldVersion)
	}
	return max(v, c.state.Meta().FoldVersion)
}
