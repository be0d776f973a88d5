package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	statementLimit = 15 * time.Second
	lockLimit      = 3 * time.Second
)

// Target is a database and the roles its application connects as.
type Target struct {
	Project, Environment string
	// URL is the direct connection of the role that owns the tables, a secret.
	URL   string
	Roles []string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
}

// Client has the actions; it is safe for concurrent use.
type Client struct{ targets []*target }

// target is a Target with its parsed address.
type target struct {
	Target
	address *direct.Address
}

// New prepares the targets. It connects to nothing; its errors never hold a URL.
func New(all []Target) (*Client, error) {
	c := &Client{}
	for _, t := range all {
		a, err := direct.Parse(t.URL, t.AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("database.direct_url of %s/%s: %w", t.Project, t.Environment, err)
		}
		c.targets = append(c.targets, &target{t, a})
	}
	return c, nil
}

// Actions answers the actions by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{orchestrator.ReadOnly: &readonly{c}, orchestrator.ReadWrite: &readwrite{c}}
}

func (c *Client) find(call orchestrator.Call) (*target, error) {
	i := slices.IndexFunc(c.targets, func(t *target) bool {
		return t.Project == call.Project && t.Environment == call.Environment
	})
	if i < 0 {
		return nil, orchestrator.Permanent(fmt.Errorf("%s/%s names no roles of the application; write database: {direct_url: env:NAME, app_roles: [NAME]} at the environment", call.Project, call.Environment))
	}
	return c.targets[i], nil
}

// open connects as who may grant and revoke.
func (t *target) open(ctx context.Context, readOnly bool) (*pgx.Conn, error) {
	return t.address.Open(ctx, direct.Limits{Statement: statementLimit, Lock: lockLimit, ReadOnly: readOnly})
}

// errNothing ends a transaction in which there is nothing to do.
var errNothing = errors.New("nothing to do")

// within runs fn in a transaction. Whether it was committed is in doubt when the answer
// to the commit is lost, and only then.
func within(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Does nothing after a commit.
	// One change of rights at a time, whoever makes it.
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtext('backout.readonly'))"); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return orchestrator.InDoubt(fmt.Errorf("committing: %s", direct.Said(err)))
	}
	return nil
}

// after is an error behind the commit: the rights are changed, whatever it says.
func after(doing string, err error) error {
	return orchestrator.InDoubt(fmt.Errorf("the rights are changed, and %s: %s", doing, direct.Said(err)))
}

// said keeps what kind of error it is and puts the database's own into words.
func said(doing string, err error) error {
	if orchestrator.IsPermanent(err) || orchestrator.IsInDoubt(err) {
		return err
	}
	return fmt.Errorf("%s: %s", doing, direct.Said(err))
}
