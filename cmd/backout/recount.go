package main

import (
	"context"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// recountRest is how long counts are taken to be new: whoever asks for the verdict again
// and again must not keep the database busy.
const recountRest = 2 * time.Second

// recounter counts rows again because somebody asks for the verdict. It is safe for
// concurrent use.
type recounter struct {
	app *app
	mu  sync.Mutex
	at  map[string]time.Time
}

// due reports whether it is time, and takes it.
func (r *recounter) due(project, env string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := project + "/" + env
	if now.Sub(r.at[key]) < recountRest {
		return false
	}
	r.at[key] = now
	return true
}

// recount appends what the rows say now, when that is news.
func (r *recounter) recount(ctx context.Context, project, env string) error {
	if r.app.actions.schema == nil || !r.due(project, env, time.Now()) {
		return nil
	}
	counts := r.app.actions.schema.Count(ctx, project, env)
	if len(counts) == 0 {
		return nil
	}
	err := r.app.engine.Peek(func(s *orchestrator.State) error {
		counts = s.NewCounts(counts)
		return nil
	})
	if err != nil || len(counts) == 0 {
		return err
	}
	records := make([]orchestrator.Record, len(counts))
	for i := range counts {
		records[i].Rows = &counts[i]
	}
	return r.app.engine.Configure(ctx, records...)
}
