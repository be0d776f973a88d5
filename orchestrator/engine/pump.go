package engine

import (
	"context"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Bounds of one batch from the inbox.
const (
	pumpRecords = 200
	pumpBytes   = 400 << 10
	pumpWait    = 250 * time.Millisecond
	purgeEvery  = time.Hour
)

// Inbox is where publishers' events wait to be taken into the log.
type Inbox interface {
	// ID names the inbox; one made anew has another.
	ID() string
	// Take returns the records of the messages from a sequence on, and the last
	// sequence taken; it waits a little when there are none. Undecodable messages
	// come as Bad records.
	Take(ctx context.Context, from uint64, limit, bytes int) (records []orchestrator.Record, to uint64, err error)
	// Purge drops what is at or below a sequence.
	Purge(ctx context.Context, upto uint64) error
}

// pump moves one batch of the inbox into the log at a time, while this instance
// owns partition 0. The batch is one fenced entry; the fold keeps how far it
// came, so a batch read twice counts once.
func (e *Engine) pump() {
	if e.opt.Inbox == nil || e.pumping || !e.core.Owns(0) || !e.core.PumpIdle() || e.room.now().Refusing {
		return // while signals are refused, the inbox keeps them
	}
	e.pumping = true
	most := e.pumpMost
	e.purge()
	meta := e.core.State().Meta()
	from := meta.InboxCursor + 1
	if meta.InboxID != e.opt.Inbox.ID() {
		from = 1
	}
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, readWait)
		defer cancel()
		records, to, err := e.opt.Inbox.Take(ctx, from, most, pumpBytes)
		if err != nil && e.ctx.Err() == nil {
			e.opt.Logger.WarnContext(ctx, "the inbox could not be read; trying again", "error", err)
			wait := time.NewTimer(pumpWait)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-e.ctx.Done():
			}
		}
		items := fitting(records)
		e.input(func() {
			e.pumping, e.pumpMost = false, pumpRecords
			if len(items) < len(records) {
				e.pumpMost = len(items) // a text may grow sixfold in the log: take fewer
				return
			}
			if len(items) > 0 && !e.room.now().Refusing {
				e.core.pump(orchestrator.InboxRange{ID: e.opt.Inbox.ID(), From: from, To: to}, items)
			}
		})
	})
}

// purge drops from the inbox what the log has, once an hour.
func (e *Engine) purge() {
	upto := e.core.State().Meta().InboxCursor
	if upto == 0 || time.Since(e.purged) < purgeEvery {
		return
	}
	e.purged = time.Now()
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, readWait)
		defer cancel()
		if err := e.opt.Inbox.Purge(ctx, upto); err != nil && e.ctx.Err() == nil {
			e.opt.Logger.WarnContext(ctx, "the inbox could not be purged; it is tried again in an hour", "error", err)
		}
	})
}

// pump queues a batch of the inbox as one entry.
func (c *Core) pump(r orchestrator.InboxRange, items []item) {
	if len(c.shards) == 0 {
		return
	}
	s := c.shards[0]
	s.pump.queue(item{rec: orchestrator.Record{Inbox: &r}})
	for i := range items {
		s.pump.queue(items[i])
	}
}

// PumpIdle reports whether the last batch has been folded.
func (c *Core) PumpIdle() bool { return !c.shards[0].pump.busy() }
