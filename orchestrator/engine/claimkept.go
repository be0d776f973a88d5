package engine

import (
	"context"
	"errors"
	"fmt"
)

// claimsKept refuses a log that has lost the newest claim of a partition: every fenced
// append looks for it, so this start would take in signals for ever and act on none. No
// trim drops such a claim, so more is missing than it. Others may claim while a cluster
// is read, so that only an instance that is alone is sure.
func (e *Engine) claimsKept(ctx context.Context) error {
	if !e.opt.Core.Alone || e.opt.Keeper == nil {
		return nil
	}
	for p := range e.core.State().Meta().Partitions {
		epoch := e.core.State().Owner(p).Epoch
		if epoch == 0 {
			continue
		}
		one, cancel := context.WithTimeout(ctx, readWait)
		entries, err := e.opt.Log.Read(one, epoch, 1)
		cancel()
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err == nil && (len(entries) == 0 || entries[0].Seq != epoch) {
			err = errors.New("it is not there")
		}
		if err != nil {
			return fmt.Errorf("%w: entry %d, by which partition %d is owned, cannot be read any more (%w), so the disk or somebody damaged the log. Nothing is done. Keep this folder; what is in its state.db is whole up to entry %d: move it out, and `backout restore FILE --data NEW-FOLDER` makes a new log that goes on from it",
				ErrLost, epoch, p, err, e.core.State().Meta().Cursor)
		}
	}
	return nil
}
