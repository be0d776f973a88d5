package engine

import (
	"sync"

	"github.com/aimarketplace/backout/orchestrator"
)

// replies hands the outcome of a command to the one who said it. Registering is
// not one of the loop's inputs: it must be done before the command is in the log,
// whatever the loop is at.
type replies struct {
	mu      sync.Mutex
	waiting map[string]chan orchestrator.Reply
}

// wait registers for the outcome of a command that is not in the log yet.
func (r *replies) wait(id string) chan orchestrator.Reply {
	ch := make(chan orchestrator.Reply, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[id] = ch
	return ch
}

// give hands out an outcome.
func (r *replies) give(out orchestrator.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ch := r.waiting[out.ID]; ch != nil {
		delete(r.waiting, out.ID)
		ch <- out
	}
}

// forget ends a registration, unless another has taken its place.
func (r *replies) forget(id string, ch chan orchestrator.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting[id] == ch {
		delete(r.waiting, id)
	}
}
