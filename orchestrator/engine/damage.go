package engine

import (
	"fmt"
	"runtime/debug"

	"github.com/aimarketplace/backout/orchestrator/store"
)

// surviving runs fn, which folds, and returns the damage of the store's file that it
// meets, so that a start says what to do instead of ending in a trace. Every other panic
// goes on.
func surviving(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			if err = store.Damage(cause); err == nil {
				panic(cause)
			}
			err = fmt.Errorf("reading the state: %w. Nothing more is done", err)
		}
	}()
	return fn()
}
