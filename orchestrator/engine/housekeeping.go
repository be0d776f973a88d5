package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Keeper tells of the log and shortens it.
type Keeper interface {
	// Ends tells where the log begins and ends.
	Ends(ctx context.Context) (orchestrator.LogEnds, error)
	// Trim drops entries up to a sequence, but no partition's newest claim, whose
	// sequence is its epoch.
	Trim(ctx context.Context, upTo uint64, epochs map[int]uint64) error
}

// Snapshots keeps copies of the state for new instances and for followers that
// stayed away too long.
type Snapshots interface {
	SaveSnapshot(ctx context.Context, cursor uint64, r io.Reader) (name string, err error)
}

// Settings of the housekeeping. The log is trimmed when it takes more than
// trimAbove of its limit, down to what the older of two snapshots holds.
const (
	keepEvery     = 10 * time.Second
	keepWait      = 5 * time.Second
	snapshotWait  = 10 * time.Minute
	snapshotMin   = 1000
	trimAbovePart = 2
)

// ErrBehind is returned when entries this state still needs were trimmed: it must
// start from a snapshot. Nothing is damaged.
var ErrBehind = errors.New("this instance stayed away until the log was trimmed past it; it starts again from a snapshot")

// ErrWentBack is returned when the log ends before what was folded from it.
var ErrWentBack = errors.New("the log ends before what was read from it")

// ErrLost is returned when the log no longer has what every append looks for.
var ErrLost = errors.New("the log has lost entries")

// keep looks after the log every now and then: whether it is still the one that
// was read, whether a snapshot is due, whether it is to be trimmed.
func (e *Engine) keep(now time.Time) {
	if e.opt.Keeper == nil || e.keeping || now.Before(e.keepAt) {
		return
	}
	e.keeping = true
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, keepWait)
		ends, err := e.opt.Keeper.Ends(ctx)
		cancel()
		e.input(func() {
			e.keeping, e.keepAt = false, time.Now().Add(keepEvery)
			if err != nil {
				if e.ctx.Err() == nil {
					e.opt.Logger.Warn("the log did not say how it is; asking again", "error", err)
				}
				return
			}
			e.ends, e.endsAt = ends, time.Now()
			if err := e.sameLog(ends); err != nil {
				e.failed = fmt.Errorf("%w. Nothing more is done; the data is as it was. Run `backout log verify`, then see README, \"When the log is damaged\"", err)
				return
			}
			e.snapshotIfDue()
		})
	})
}

// sameLog compares the log with what was folded from it, once it has been read to
// its end.
func (e *Engine) sameLog(ends orchestrator.LogEnds) error {
	m := e.core.State().Meta()
	switch {
	case ends.LogID != "" && ends.LogID != m.LogID:
		return fmt.Errorf("%w: state %s, log %s", orchestrator.ErrOtherLog, m.LogID, ends.LogID)
	case ends.Last < e.folded:
		if e.short++; e.short < believeShort {
			e.keepAt = time.Now().Add(askShort)
			return nil
		}
		return fmt.Errorf("%w: it ends at %d, entry %d was folded", ErrWentBack, ends.Last, e.folded)
	}
	e.folded, e.short = m.Cursor, 0
	return nil
}

// A server of a cluster that was cut off, or hung, says for a moment where the log
// ended when it last led it. So a log that seems to end too early is asked again
// before it is believed: believeShort times, askShort apart.
const (
	believeShort = 6
	askShort     = 2 * time.Second
)

// checkStart asks the log once before it is read, so that a state does not wait
// for entries that can never come.
func (e *Engine) checkStart(ctx context.Context) error {
	if e.opt.Keeper == nil {
		return nil
	}
	m := e.core.State().Meta()
	ends, err := e.settledEnds(ctx, m.Cursor)
	if err != nil {
		return err
	}
	e.ends = ends
	if m.Cursor < ends.Trimmed {
		return fmt.Errorf("%w: it is at entry %d, the log was trimmed up to %d", ErrBehind, m.Cursor, ends.Trimmed)
	}
	if ends.Last < m.Cursor {
		return fmt.Errorf("%w: it ends at %d, entry %d was folded. Nothing is done. Keep this folder; what is in its state.db is whole: move it out, and `backout restore FILE --data NEW-FOLDER` makes a new log that goes on from it", ErrWentBack, ends.Last, m.Cursor)
	}
	return nil
}

// settledEnds asks for the ends of the log, again when they seem to lie before what
// was folded.
func (e *Engine) settledEnds(ctx context.Context, cursor uint64) (orchestrator.LogEnds, error) {
	for try := 1; ; try++ {
		one, cancel := context.WithTimeout(ctx, readWait)
		ends, err := e.opt.Keeper.Ends(one)
		cancel()
		if err != nil || ends.Last >= cursor || try == believeShort || e.opt.Core.Alone {
			return ends, err
		}
		if err := pause(ctx, askShort); err != nil {
			return ends, err
		}
	}
}

// snapshotIfDue copies the state when enough happened since the last copy.
func (e *Engine) snapshotIfDue() {
	cursor := e.core.State().Meta().Cursor
	full := e.ends.Limit > 0 && e.ends.Bytes > e.ends.Limit/trimAbovePart
	due := time.Since(e.copiedAt) >= e.opt.SnapshotEvery || full
	if e.opt.Snapshots == nil || !e.core.Owns(0) || e.copying || !due || cursor < e.copied+snapshotMin {
		return
	}
	e.copying = true
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, snapshotWait)
		defer cancel()
		at, name, err := e.snapshot(ctx)
		e.input(func() {
			e.copying = false
			if err != nil {
				if e.ctx.Err() == nil {
					e.opt.Logger.Warn("no snapshot was made; it is tried again", "error", err)
				}
				return
			}
			before := e.copied
			e.copied, e.copiedAt = at, time.Now()
			if full && before > 0 {
				e.trim(before, name)
			}
		})
	})
}

// snapshot streams a copy of the last commit to where snapshots are kept.
func (e *Engine) snapshot(ctx context.Context) (cursor uint64, name string, err error) {
	var meta orchestrator.Meta
	if err := e.opt.Store.Read(func(s *orchestrator.State) error { meta = s.Meta(); return nil }); err != nil {
		return 0, "", err
	}
	r, w := io.Pipe()
	e.tasks.Go(func() {
		_, err := e.opt.Store.Snapshot(w)
		w.CloseWithError(err)
	})
	defer func() { _ = r.Close() }()
	// The copy may hold a little more than its name says, never less.
	name, err = e.opt.Snapshots.SaveSnapshot(ctx, meta.Cursor, r)
	return meta.Cursor, name, err
}

// trim says in the log that entries up to upTo may go, and drops them.
func (e *Engine) trim(upTo uint64, snapshot string) {
	epochs := map[int]uint64{}
	for p := range e.core.shards {
		epochs[p] = e.core.State().Owner(p).Epoch
	}
	e.core.Post(0, orchestrator.Record{Trim: &orchestrator.Trim{UpTo: upTo, Snapshot: snapshot}})
	e.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(e.ctx, snapshotWait)
		defer cancel()
		if err := e.opt.Keeper.Trim(ctx, upTo, epochs); err != nil && e.ctx.Err() == nil {
			e.opt.Logger.WarnContext(ctx, "the log was not trimmed; it is tried again", "error", err)
		}
	})
}

// trimmedPast tells a hole that trimming made from damage.
func (e *Engine) trimmedPast(cause error) error {
	if e.opt.Keeper == nil || !errors.Is(cause, orchestrator.ErrGap) {
		return cause
	}
	ctx, cancel := context.WithTimeout(e.ctx, readWait)
	defer cancel()
	ends, err := e.opt.Keeper.Ends(ctx)
	if cursor := e.core.State().Meta().Cursor; err == nil && cursor < ends.Trimmed {
		return fmt.Errorf("%w: it is at entry %d, the log was trimmed up to %d", ErrBehind, cursor, ends.Trimmed)
	}
	return cause
}
