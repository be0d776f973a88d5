package engine

import (
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// claimPause is how long after a refused claim the next one is made: by then the
// fold has usually read whose claim came first.
const claimPause = 500 * time.Millisecond

// claim asks for a partition. Every start claims anew, even what this instance
// had before: attempts of an earlier start must be known to be nobody's.
func (c *Core) claim(s *shard, now time.Time, w *Work) {
	if s.epoch != 0 || s.own.busy() {
		return
	}
	own := c.state.Owner(s.p)
	free := own.Epoch == 0 || own.Released || own.Instance == c.opt.Instance || c.opt.Alone || c.suspected[own.Instance]
	if !free {
		return
	}
	if now.Before(s.claimAfter) {
		wake(w, s.claimAfter)
		return
	}
	s.own.queue(item{rec: orchestrator.Record{Claim: &orchestrator.Claim{
		Instance: c.opt.Instance, Boot: c.opt.Boot, FoldVersion: orchestrator.FoldVersion,
	}}})
}

// seeOwner takes over or gives up as the fold says: we own a partition from the
// moment the fold shows our boot, and not before.
func (c *Core) seeOwner(s *shard) {
	own := c.state.Owner(s.p)
	if own.Boot == c.opt.Boot && !own.Released {
		s.epoch = own.Epoch
		return
	}
	s.epoch = 0
}

// Suspect marks another instance as gone, or as back.
func (c *Core) Suspect(instance string, gone bool) { c.suspected[instance] = gone }

// Owns reports whether this start owns partition p.
func (c *Core) Owns(p int) bool { return p < len(c.shards) && c.shards[p].epoch != 0 }

// Release gives every partition back, for a clean hand-over. A claim that is on
// its way must land first, so it is called until Released.
func (c *Core) Release() {
	for _, s := range c.shards {
		if s.epoch != 0 && !s.own.busy() {
			s.own.queue(item{rec: orchestrator.Record{Claim: &orchestrator.Claim{
				Instance: c.opt.Instance, Boot: c.opt.Boot, Released: true, FoldVersion: orchestrator.FoldVersion,
			}}})
		}
	}
}

// Released reports whether nothing is owned and nothing is on its way any more.
func (c *Core) Released() bool {
	for _, s := range c.shards {
		if s.epoch != 0 || s.own.busy() {
			return false
		}
	}
	return c.Idle()
}
