package engine

import (
	"context"
	"fmt"
)

// CatchUp folds what the log has into the store, commits it, and does nothing
// else. Nobody else may have the store open.
func CatchUp(ctx context.Context, o Options) error {
	e, err := New(o)
	if err != nil {
		return err
	}
	e.ctx = ctx
	return surviving(func() error { return e.onlyCatchUp(ctx) })
}

func (e *Engine) onlyCatchUp(ctx context.Context) error {
	if err := e.checkStart(ctx); err != nil {
		return err
	}
	if err := e.catchUp(ctx); err != nil {
		return err
	}
	if !e.dirtyFrom.IsZero() && !e.commit() {
		return e.failed
	}
	if err := e.opt.Store.Discard(); err != nil {
		return fmt.Errorf("closing the last transaction: %w", err)
	}
	return nil
}
