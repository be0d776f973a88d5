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
	at, may := c.mayClaim(s, now)
	at = later(at, s.claimAfter)
	if !may {
		return
	}
	if now.Before(at) {
		wake(w, at)
		return
	}
	s.own.queue(item{rec: orchestrator.Record{Claim: &orchestrator.Claim{
		Instance: c.opt.Instance, Boot: c.opt.Boot, FoldVersion: c.speaks(),
	}}})
}

// mayClaim says whether a partition may be claimed, and from when on.
func (c *Core) mayClaim(s *shard, now time.Time) (at time.Time, may bool) {
	own := c.state.Owner(s.p)
	if c.opt.Alone || own.Instance == c.opt.Instance && !own.Released {
		return time.Time{}, true
	}
	free := own.Epoch == 0 || own.Released
	if !free && !c.gone(s, own, now) {
		s.freeSince = time.Time{}
		return time.Time{}, false
	}
	if s.freeSince.IsZero() {
		s.freeSince = now
	}
	if c.home(s.p) != c.opt.Instance {
		return s.freeSince.Add(strangerWait), true
	}
	return c.born.Add(listenFirst), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// seeOwner takes over or gives up as the fold says: we own a partition from the
// moment the fold shows our boot, and not before. Losing one while alive means
// that somebody suspects us wrongly, or we them: the next claim waits longer.
func (c *Core) seeOwner(s *shard, now time.Time) {
	own := c.state.Owner(s.p)
	s.ownerAt = now
	if own.Boot == c.opt.Boot && !own.Released {
		if s.epoch == 0 {
			s.ownedAt = now
		}
		s.epoch, s.freeSince = own.Epoch, time.Time{}
		return
	}
	if s.epoch != 0 && !own.Released {
		if now.Sub(s.ownedAt) > maxBackoff {
			s.lost = 0
		}
		s.claimAfter = now.Add(min(time.Second<<min(s.lost, 6), maxBackoff))
		s.lost++
	}
	s.epoch, s.yielding = 0, false
}

// rebalance gives a partition back that another instance has been the better
// place for: nothing is ever taken from a living owner. New work stops first, so
// nothing is cut in half.
func (c *Core) rebalance(s *shard, now time.Time, w *Work) {
	if s.epoch == 0 || c.opt.Alone || s.own.busy() {
		return
	}
	home := c.home(s.p)
	if home == c.opt.Instance {
		s.yielding = false
		return
	}
	if due := c.since[home].Add(settledFor); now.Before(due) {
		wake(w, due)
		return
	}
	s.yielding = true
	if len(s.busy) == 0 && !s.act.busy() && !s.pump.busy() {
		c.release(s)
	}
}

// Owns reports whether this start owns partition p.
func (c *Core) Owns(p int) bool { return p < len(c.shards) && c.shards[p].epoch != 0 }

// Release gives every partition back, for a clean hand-over. A claim that is on
// its way must land first, so it is called until Released.
func (c *Core) Release() {
	for _, s := range c.shards {
		if s.epoch != 0 && !s.own.busy() {
			c.release(s)
		}
	}
}

func (c *Core) release(s *shard) {
	s.own.queue(item{rec: orchestrator.Record{Claim: &orchestrator.Claim{
		Instance: c.opt.Instance, Boot: c.opt.Boot, Released: true, FoldVersion: c.speaks(),
	}}})
}

// Released reports whether nothing is owned and no claim is on its way any more.
func (c *Core) Released() bool {
	for _, s := range c.shards {
		if s.epoch != 0 || s.own.busy() {
			return false
		}
	}
	return true
}
