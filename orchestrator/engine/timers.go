package engine

import (
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxDue bounds the timers fired in one go.
const maxDue = 64

// dueTimers appends the timers that are due in the partitions of this instance
// and says when the next one is.
func (c *Core) dueTimers(now time.Time, w *Work) {
	if c.halted || c.stopping {
		return
	}
	ms := now.UnixMilli()
	fired := 0
	c.state.Timers(func(key []byte, t orchestrator.TimerFired, p int) bool {
		if t.Due > ms {
			wake(w, time.UnixMilli(t.Due))
			return false
		}
		if p >= len(c.shards) {
			return true
		}
		s := c.shards[p]
		if s.epoch == 0 || s.yielding || s.timers[string(key)] {
			return true
		}
		if fired == maxDue {
			wake(w, now)
			return false
		}
		fired++
		s.timers[string(key)] = true
		s.act.queue(item{rec: orchestrator.Record{Timer: &t}, timer: string(key)})
		return true
	})
}
