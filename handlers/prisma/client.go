package prisma

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	defaultCLI     = "node_modules/prisma/build/index.js"
	defaultSchema  = "prisma/schema.prisma"
	defaultURLName = "DATABASE_URL"
	defaultTimeout = 15 * time.Minute
	readWait       = 10 * time.Second
	lockWait       = 500 * time.Millisecond
)

// Target is one environment's database and the checkout that migrates it.
type Target struct {
	Project, Environment string
	// Folder is the checkout; CLI, Schema and Migrations are in it unless they begin with
	// a slash. Defaults: Prisma's own places, Migrations beside the schema.
	Folder, CLI, Schema, Migrations string
	// URL is the direct connection, a secret; the CLI gets it as URLName, by default
	// DATABASE_URL.
	URL, URLName string
	// Timeout bounds a run of the CLI; 0 means 15 min.
	Timeout time.Duration
	// Env are more variables for the CLI. Their values are treated as secrets.
	Env map[string]string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Kind is the environment's; AllowDataLoss is what its configuration says of resets.
	Kind          string
	AllowDataLoss bool
}

// Options are what a client needs. Path is the PATH in which node is found.
type Options struct {
	Targets []Target
	Jobs    *job.Runner
	Path    string
}

// Client has the actions of Prisma; it is safe for concurrent use.
type Client struct {
	targets []*target
	jobs    *job.Runner
	path    string
}

// target is a Target with its defaults, and with the connection that reads beside Prisma.
type target struct {
	Target
	config *pgx.ConnConfig
	// address is of the same connection, for what changes the database itself.
	address *direct.Address
	// table is _prisma_migrations in the schema of the URL, quoted.
	table string
}

// New prepares the targets. It connects to nothing; its errors never hold a URL.
func New(o Options) (*Client, error) {
	c := &Client{jobs: o.Jobs, path: o.Path}
	for _, given := range o.Targets {
		t, err := prepare(given)
		if err != nil {
			return nil, fmt.Errorf("database.prisma of %s/%s: %w", given.Project, given.Environment, err)
		}
		c.targets = append(c.targets, t)
	}
	return c, nil
}

func prepare(given Target) (*target, error) {
	t := &target{Target: given}
	if !filepath.IsAbs(t.Folder) {
		return nil, errors.New("folder is not an absolute path of a checkout")
	}
	t.CLI = t.within(t.CLI, defaultCLI)
	t.Schema = t.within(t.Schema, defaultSchema)
	t.Migrations = t.within(t.Migrations, filepath.Join(filepath.Dir(t.Schema), "migrations"))
	if t.URLName == "" {
		t.URLName = defaultURLName
	}
	if t.Timeout <= 0 {
		t.Timeout = defaultTimeout
	}
	for name := range t.Env {
		if err := CheckVariable(name); err != nil {
			return nil, err
		}
	}
	return t, t.connection()
}

// within is a path in the checkout.
func (t *target) within(path, otherwise string) string {
	if path == "" {
		path = otherwise
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(t.Folder, path)
}

// CheckVariable refuses the variable by which a person consents to what Prisma's guard
// stops: consent is given by a person at a terminal, never by a configuration.
func CheckVariable(name string) error {
	if strings.HasPrefix(name, "PRISMA_USER_CONSENT") {
		return fmt.Errorf("%s is a person's own consent, given where it is asked for; take it out of env", name)
	}
	return nil
}

// connection takes from Prisma's URL what PostgreSQL understands.
func (t *target) connection() error {
	a, err := direct.Parse(t.URL, t.AllowPrivate)
	if err != nil {
		return err
	}
	t.address = a
	t.config, t.table = a.Config(), pgx.Identifier{a.Schema, "_prisma_migrations"}.Sanitize()
	return nil
}

// Actions answers the actions by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"prisma.status": &status{c}, "prisma.deploy": &deploy{c}, "prisma.resolve": &resolve{c}, "prisma.execute": &execute{c},
		"prisma.revert": &revert{c}, orchestrator.ResetAction: &reset{c},
	}
}

// find is the target of a call.
func (c *Client) find(call orchestrator.Call) (*target, error) {
	i := slices.IndexFunc(c.targets, func(t *target) bool {
		return t.Project == call.Project && t.Environment == call.Environment
	})
	if i < 0 {
		return nil, orchestrator.Permanent(fmt.Errorf("%s/%s has no Prisma in the configuration; write database: {prisma: {folder: …, url: env:NAME}} at the environment", call.Project, call.Environment))
	}
	return c.targets[i], nil
}
