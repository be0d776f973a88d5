package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// maxBundle bounds the records of one message; appendRetry is the pause before
// a message whose fate is open is sent again under the same id.
const (
	maxBundle   = 256
	appendRetry = 200 * time.Millisecond
)

// lane is the appender of one subject: a queue of records and at most one
// message in flight. What waits is bundled into the next message, so results
// ride with the next intents.
type lane struct {
	subject  string
	items    []item
	inflight *sent
	// landing are messages acknowledged but not folded yet.
	landing map[string]*sent
}

// item is a record on its way. A fact counts without the fence and must not be
// lost; a request is dropped when the fence is lost.
type item struct {
	rec  orchestrator.Record
	fact bool
	// key is the ready key, timer the timer key, freed when the record is folded
	// or dropped; job is the intent's job.
	key, timer string
	job        *job
	// json is the record encoded, once it was.
	json []byte
}

// sent is a message that was handed out for appending.
type sent struct {
	msg   orchestrator.Message
	items []item
	epoch uint64
	// retry is when it is to be sent again; zero while an answer is awaited.
	retry time.Time
}

// busy reports whether something waits, is on its way, or is not folded yet.
func (l *lane) busy() bool { return len(l.items) > 0 || l.inflight != nil || len(l.landing) > 0 }

func (l *lane) queue(it item) { l.items = append(l.items, it) }

// send hands out the next message of every lane of the shard.
func (c *Core) send(s *shard, now time.Time, w *Work) {
	for _, l := range []*lane{s.own, s.act, s.pump} {
		if l.inflight == nil {
			c.compose(s, l, now)
		} else if l.inflight.retry.IsZero() {
			continue
		}
		if m := l.inflight; m != nil {
			if now.Before(m.retry) {
				wake(w, m.retry)
				continue
			}
			m.retry = time.Time{}
			w.Appends = append(w.Appends, Append{Lane: l, Msg: m.msg})
		}
	}
}

// compose bundles what waits into a message. Without the fence only facts go,
// under the subject of results.
func (c *Core) compose(s *shard, l *lane, now time.Time) {
	if l != s.own && s.epoch == 0 {
		c.dropRequests(s, l)
	}
	if len(l.items) == 0 {
		return
	}
	bodies := l.bundle(l == s.pump)
	if len(bodies) == 0 {
		c.free(s, l.items[:1]) // it cannot be encoded, which is the same for ever
		l.items = l.items[1:]
		return
	}
	n := len(bodies)
	items := l.items[:n:n]
	l.items = l.items[n:]
	c.sent++
	m := &sent{items: items, epoch: s.epoch}
	m.msg = orchestrator.Message{Subject: l.subject, ID: fmt.Sprintf("%s/%d", c.opt.Boot, c.sent)}
	switch {
	case l == s.own:
		m.msg.Fence = &orchestrator.Fence{Subject: orchestrator.SubjectOwn(s.p), Seq: c.state.Owner(s.p).Epoch}
	case s.epoch != 0:
		m.msg.Fence = &orchestrator.Fence{Subject: orchestrator.SubjectOwn(s.p), Seq: s.epoch}
	default:
		m.msg.Subject = orchestrator.SubjectResults(s.p)
	}
	env := orchestrator.Envelope{ID: m.msg.ID, At: now.UnixMilli(), Boot: c.opt.Boot, Epoch: s.epoch}
	for _, it := range items {
		if it.job != nil {
			it.job.published = now
		}
	}
	data, err := env.EncodeWith(bodies)
	if err != nil {
		c.free(s, items)
		return
	}
	m.msg.Data = data
	l.inflight = m
}

// dropRequests forgets what only an owner may append.
func (c *Core) dropRequests(s *shard, l *lane) {
	kept := l.items[:0]
	for _, it := range l.items {
		if it.fact {
			kept = append(kept, it)
			continue
		}
		c.free(s, []item{it})
	}
	l.items = kept
}

// Appended takes the outcome of an Append. An acknowledgement permits nothing:
// only what the fold reads back is acted on.
func (c *Core) Appended(now time.Time, a Append, err error) {
	l := a.Lane
	m := l.inflight
	if m == nil || m.msg.ID != a.Msg.ID {
		return
	}
	s := c.shardOf(l)
	switch {
	case err == nil:
		l.acknowledged(m)
	case errors.Is(err, orchestrator.ErrFenced):
		c.fenced(s, l, m)
		s.claimAfter = later(s.claimAfter, now.Add(claimPause))
	case errors.Is(err, orchestrator.ErrTooLong):
		l.inflight = nil
		c.free(s, m.items)
	default:
		m.retry = now.Add(appendRetry)
	}
}

// acknowledged frees the lane for the next message; the items stay until the
// fold has read them.
func (l *lane) acknowledged(m *sent) {
	l.inflight = nil
	if l.landing == nil {
		l.landing = map[string]*sent{}
	}
	l.landing[m.msg.ID] = m
}

// fenced gives up what was asked under a lost claim and sends facts again
// alone.
func (c *Core) fenced(s *shard, l *lane, m *sent) {
	l.inflight = nil
	if m.epoch != 0 && m.epoch == s.epoch {
		s.epoch = 0
	}
	for _, it := range m.items {
		if it.fact {
			l.queue(it)
			continue
		}
		c.free(s, []item{it})
	}
}

// landed marks a message as folded.
func (c *Core) landed(id string) {
	if id == "" {
		return
	}
	for _, s := range c.shards {
		for _, l := range []*lane{s.own, s.act, s.pump} {
			m := l.landing[id]
			if l.inflight != nil && l.inflight.msg.ID == id {
				m, l.inflight = l.inflight, nil
			}
			if m == nil {
				continue
			}
			delete(l.landing, id)
			for _, it := range m.items {
				delete(s.timers, it.timer)
				if it.job == nil {
					delete(s.busy, it.key)
				}
			}
			return
		}
	}
}

// free forgets items that will not be appended.
func (c *Core) free(s *shard, items []item) {
	for _, it := range items {
		delete(s.timers, it.timer)
		delete(s.busy, it.key)
		if it.job != nil {
			delete(s.jobs, it.job.attempt)
		}
	}
}

func (c *Core) shardOf(l *lane) *shard {
	for _, s := range c.shards {
		if l == s.act || l == s.own || l == s.pump {
			return s
		}
	}
	return nil
}
