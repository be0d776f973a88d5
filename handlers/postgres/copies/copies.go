package copies

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	defaultKeep    = 14 * 24 * time.Hour
	defaultTimeout = time.Hour
	defaultJobs    = 2
)

// Query gives one row with one number.
type Query struct{ ID, SQL string }

// Target is a database that is copied.
type Target struct {
	Project, Environment string
	// URL is the direct connection of the role that owns the tables; ReadURL that of the
	// role that may only read, for Checks. Both are secrets.
	URL, ReadURL string
	// Folder holds the copies; empty when none are taken, then only integrity can be read.
	Folder string
	// Every is the pause between two copies, 0 for none by itself; Keep how long one is
	// kept, 0 for 14 days; Timeout bounds one, 0 for an hour.
	Every, Keep, Timeout time.Duration
	// Bin is the folder of pg_dump; Jobs how many tables are copied at once, 0 for two.
	Bin  string
	Jobs int
	// Checks count what is wrong. Loss are queries with $1, the moment of a copy: each
	// counts what a restore of it would lose, such as paid orders.
	Checks, Loss []Query
	// AppRoles are the roles of the application.
	AppRoles []string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
}

// Options are what a client needs.
type Options struct {
	Targets []Target
	Jobs    *job.Runner
	// Command is what runs a job's child with its request behind it: `backout copy`.
	Command []string
	// Path is the PATH in which PostgreSQL's programs are found.
	Path string
}

// Client has the actions and the sources; it is safe for concurrent use.
type Client struct {
	targets []*target
	jobs    *job.Runner
	command []string
	path    string

	mu    sync.Mutex
	shown map[string]shown
}

// target is a Target with its defaults and its addresses.
type target struct {
	Target
	address, reader *direct.Address
}

// New prepares the targets. It connects to nothing; its errors never hold a URL.
func New(o Options) (*Client, error) {
	c := &Client{jobs: o.Jobs, command: o.Command, path: o.Path, shown: map[string]shown{}}
	for _, given := range o.Targets {
		t, err := prepare(given)
		if err != nil {
			return nil, fmt.Errorf("the database of %s/%s: %w", given.Project, given.Environment, err)
		}
		c.targets = append(c.targets, t)
	}
	return c, nil
}

func prepare(given Target) (*target, error) {
	t := &target{Target: given}
	if t.Folder != "" && !filepath.IsAbs(t.Folder) {
		return nil, errors.New("snapshots.folder is not an absolute path")
	}
	t.Keep, t.Timeout, t.Jobs = or(t.Keep, defaultKeep), or(t.Timeout, defaultTimeout), or(t.Jobs, defaultJobs)
	var err error
	if t.address, err = direct.Parse(t.URL, t.AllowPrivate); err != nil {
		return nil, fmt.Errorf("direct_url: %w", err)
	}
	if t.reader = t.address; t.ReadURL != "" && len(t.Checks)+len(t.Loss) > 0 {
		if t.reader, err = direct.Parse(t.ReadURL, t.AllowPrivate); err != nil {
			return nil, fmt.Errorf("evidence_url: %w", err)
		}
	}
	return t, nil
}

func or[T int | time.Duration](a, b T) T {
	if a > 0 {
		return a
	}
	return b
}

// Actions answers the actions by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"postgres.snapshot": &snapshot{c}, "postgres.verify_snapshot": &verification{c},
		"postgres.restore": &restoration{c}, "postgres.integrity": &integrity{c},
	}
}

// find is the target of a call; with copies set it must be one that is copied.
func (c *Client) find(call orchestrator.Call, copies bool) (*target, error) {
	i := slices.IndexFunc(c.targets, func(t *target) bool {
		return t.Project == call.Project && t.Environment == call.Environment
	})
	switch {
	case i < 0:
		return nil, orchestrator.Permanent(fmt.Errorf("the database of %s/%s has no connection that may change it; write database: {direct_url: env:NAME} at the environment", call.Project, call.Environment))
	case copies && c.targets[i].Folder == "":
		return nil, orchestrator.Permanent(fmt.Errorf("no copies of the database of %s/%s are kept; write database: {snapshots: {folder: PATH}} at the environment", call.Project, call.Environment))
	}
	return c.targets[i], nil
}
