package console

import (
	"context"
	"net/http"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// recountWait bounds how long a verdict waits for rows to be counted again.
const recountWait = 8 * time.Second

// migrations lists what is known of the migrations of an environment.
func (a *API) migrations(w http.ResponseWriter, r *http.Request) {
	a.recount(r)
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		project, env, err := place(s, r)
		if err != nil {
			return nil, err
		}
		return s.MigrationsKnown(project, env), nil
	})
}

// recount has the rows counted again that the verdict asked for depends on. What cannot
// be counted now stays as it was, with its time.
func (a *API) recount(r *http.Request) {
	if a.o.Recount == nil {
		return
	}
	var project, env string
	err := a.o.Backend.Peek(func(s *orchestrator.State) (err error) {
		project, env, err = place(s, r)
		return err
	})
	if err != nil {
		return // the read says what is wrong
	}
	ctx, cancel := context.WithTimeout(r.Context(), recountWait)
	defer cancel()
	if err := a.o.Recount(ctx, project, env); err != nil {
		a.o.Logger.WarnContext(ctx, "the rows that a verdict depends on could not be counted again", "project", project, "environment", env, "error", err)
	}
}
