package prisma

import (
	"context"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
)

// Hold takes Prisma's own lock so that nobody else migrates until release is called, or
// the connection ends. Never run Prisma's CLI while holding it: every action here sees
// the lock and waits. It refuses at once when somebody migrates.
func (c *Client) Hold(ctx context.Context, project, environment string) (release func(), err error) {
	t, err := c.find(orchestrator.Call{Project: project, Environment: environment})
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	conn, err := t.connect(within)
	if err != nil {
		return nil, fmt.Errorf("keeping migrations of %s/%s away: %w", project, environment, plainly(err))
	}
	var taken bool
	if err := conn.QueryRow(within, "select pg_try_advisory_lock($1)", int64(advisoryLock)).Scan(&taken); err != nil || !taken {
		hangUp(ctx, conn)
		if err == nil {
			err = fmt.Errorf("somebody migrates right now")
		}
		return nil, fmt.Errorf("keeping migrations of %s/%s away: %w", project, environment, plainly(err))
	}
	return func() { hangUp(ctx, conn) }, nil
}
