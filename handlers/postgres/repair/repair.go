package repair

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/copies"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const defaultTimeout = time.Hour

// Target is a database whose rows can be repaired from its copies.
type Target struct {
	Project, Environment string
	// URL is the direct connection of the role that owns the tables, a secret.
	URL string
	// Timeout bounds one comparison and one repair, 0 for an hour.
	Timeout time.Duration
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
}

// Keep puts evidence aside and says under which hash and how long it then is.
type Keep func(ctx context.Context, data []byte) (hash string, bytes int, err error)

// Options are what a client needs.
type Options struct {
	Targets []Target
	// Copies finds the copy to compare with.
	Copies *copies.Client
	Jobs   *job.Runner
	// Command is what runs a job's child with its request behind it: `backout repair`.
	Command []string
	// Path is the PATH in which PostgreSQL's programs are found.
	Path string
	Keep Keep
}

// Client has the actions; it is safe for concurrent use.
type Client struct {
	Options
	targets []*target
}

// target is a Target with its parsed address.
type target struct {
	Target
	address *direct.Address
}

// New prepares the targets. It connects to nothing; its errors never hold a URL.
func New(o Options) (*Client, error) {
	c := &Client{Options: o}
	for _, t := range o.Targets {
		a, err := direct.Parse(t.URL, t.AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("database.direct_url of %s/%s: %w", t.Project, t.Environment, err)
		}
		if t.Timeout <= 0 {
			t.Timeout = defaultTimeout
		}
		c.targets = append(c.targets, &target{t, a})
	}
	return c, nil
}

// Actions answers the actions by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"postgres.compare": &comparison{c}, "postgres.stage": &staging{c}, "postgres.repair": &repair{c},
	}
}

func (c *Client) find(call orchestrator.Call) (*target, error) {
	i := slices.IndexFunc(c.targets, func(t *target) bool {
		return t.Project == call.Project && t.Environment == call.Environment
	})
	if i < 0 {
		return nil, orchestrator.Permanent(fmt.Errorf("the database of %s/%s has no connection that may change it; write database: {direct_url: env:NAME} at the environment", call.Project, call.Environment))
	}
	return c.targets[i], nil
}
