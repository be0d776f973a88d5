package engine

import (
	"context"
	"fmt"
)

// ask runs fn on the loop and returns what it says.
func ask[T any](ctx context.Context, e *Engine, fn func() T) (T, error) {
	ch := make(chan T, 1)
	e.inputWithin(ctx, func() { ch <- fn() }) // when it was not handed over, one of the two below is why
	var none T
	select {
	case v := <-ch:
		return v, nil
	case <-ctx.Done():
		return none, fmt.Errorf("asking the engine: %w", ctx.Err())
	case <-e.done:
		return none, ErrStopped
	}
}
