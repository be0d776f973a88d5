package engine

import (
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// watchPace is when a watch is measured next, and the readings of it that are not in the
// log yet because they change nothing. It lives in memory: whoever takes the work over
// measures at once and counts on from the log.
type watchPace struct {
	next    time.Time
	running bool
	held    *orchestrator.Obs
}

// measureWatches starts the measures that are due. They only read, so none needs an
// intent; each takes a worker while it runs.
func (c *Core) measureWatches(s *shard, now time.Time, w *Work) {
	if c.halted {
		return
	}
	active := c.state.ActiveWatches()
	if len(active) == 0 {
		s.watches = nil
		return
	}
	for i := range active {
		dw := &active[i]
		if orchestrator.Partition(dw.Project, dw.Environment, len(c.shards)) != s.p {
			continue
		}
		pc := s.pace(dw, now)
		switch {
		case pc.running:
		case now.Before(pc.next):
			wake(w, pc.next)
		case len(s.busy) >= c.opt.Workers:
		default:
			c.measureWatch(s, dw, pc, now, w)
		}
	}
}

// pace is when a watch is measured; one that nobody here has measured yet goes on where
// the log left it.
func (s *shard) pace(dw *orchestrator.DeployWatch, now time.Time) *watchPace {
	pc, ok := s.watches[dw.N]
	if !ok {
		if s.watches == nil {
			s.watches = map[uint64]*watchPace{}
		}
		pc = &watchPace{next: time.UnixMilli(max(dw.At, dw.Started) + dw.Spec.Every)}
		if dw.At > 0 && pc.next.Before(now) {
			pc.next = now
		}
		s.watches[dw.N] = pc
	}
	return pc
}

func (c *Core) measureWatch(s *shard, dw *orchestrator.DeployWatch, pc *watchPace, now time.Time, w *Work) {
	pc.next = now.Add(time.Duration(dw.Spec.Every) * time.Millisecond)
	wake(w, pc.next)
	job, why := c.state.WatchJob(dw, now.UnixMilli())
	if job.Action == "" || why != "" {
		c.watchRead(s, dw.N, &orchestrator.Measured{Error: why})
		return
	}
	pc.running = true
	key := "watch/" + strconv.FormatUint(dw.N, 10)
	s.busy[key] = ""
	w.Tasks = append(w.Tasks, Task{
		Kind: TaskMeasure, Action: job.Action, Call: job.Call, Timeout: time.Duration(job.Timeout) * time.Millisecond, shard: s, key: key, watch: dw.N,
	})
}

// watchMeasured answers the measure of a watch.
func (c *Core) watchMeasured(t Task, rec orchestrator.Record) {
	s := t.shard
	delete(s.busy, t.key)
	if pc := s.watches[t.watch]; pc != nil {
		pc.running = false
	}
	if s.epoch != 0 && !c.stopping && rec.Measure != nil {
		c.watchRead(s, t.watch, rec.Measure)
	}
}

// watchRead queues a reading with those that were held back before it, or holds it back.
func (c *Core) watchRead(s *shard, n uint64, m *orchestrator.Measured) {
	now := c.turn.UnixMilli()
	o, ok := c.fold.Observe(c.state, n, m, now)
	pc := s.watches[n]
	if !ok || pc == nil {
		delete(s.watches, n)
		return
	}
	if held := pc.held; held != nil {
		pc.held = nil
		if held.Result != o.Result {
			s.act.queue(item{rec: orchestrator.Record{Obs: held}})
		} else {
			o.Count += held.Count
		}
	}
	rec := orchestrator.Record{Obs: &o}
	if c.fold.Worth(c.state, &rec, now) {
		s.act.queue(item{rec: rec})
		return
	}
	pc.held = &o
}
