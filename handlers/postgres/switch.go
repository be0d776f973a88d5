package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// SwitchOptions say which statements switch a component.
type SwitchOptions struct {
	// URL is of a role that may read and write that one row.
	URL          string
	AllowPrivate []string
	// Off and On are one statement each; Read gives one row with one boolean, true is on.
	Off, On, Read string
}

// Switch is a row of the application's database. Each statement runs in a transaction
// on a connection of its own; the row as Read sees it is the proof. It is safe for
// concurrent use.
type Switch struct {
	o      SwitchOptions
	config *pgx.ConnConfig
}

// NewSwitch makes a switch; it connects to nothing.
func NewSwitch(o SwitchOptions) (*Switch, error) {
	config, err := connConfig(o.URL, o.AllowPrivate)
	if err != nil {
		return nil, fmt.Errorf("a switch in the database: %w", err)
	}
	return &Switch{o: o, config: config}, nil
}

// Name says what it is.
func (s *Switch) Name() string { return "a row of the database" }

// Read says off or on.
func (s *Switch) Read(ctx context.Context) (string, error) {
	var on *bool
	err := s.within(ctx, pgx.ReadOnly, func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, s.o.Read).Scan(&on) })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading the switch in the database: %s", direct.Said(err))
	case on == nil:
		return "", nil
	case *on:
		return orchestrator.SwitchOn, nil
	}
	return orchestrator.SwitchOff, nil
}

// errNothing is a statement that changed no row.
var errNothing = errors.New("the statement changed no row; is the row there?")

// Set runs the statement. One that may have been committed is in doubt.
func (s *Switch) Set(ctx context.Context, to string) error {
	statement := s.o.On
	if to == orchestrator.SwitchOff {
		statement = s.o.Off
	}
	committing := false
	err := s.within(ctx, pgx.ReadWrite, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement)
		if err == nil && tag.RowsAffected() == 0 {
			err = errNothing
		}
		committing = err == nil
		return err
	})
	switch {
	case err == nil:
		return nil
	case committing:
		return orchestrator.InDoubt(fmt.Errorf("switching %s in the database: %s", to, direct.Said(err)))
	case errors.Is(err, errNothing):
		return orchestrator.Permanent(fmt.Errorf("switching %s in the database: %w", to, err))
	}
	return fmt.Errorf("switching %s in the database: %s", to, direct.Said(err))
}

// within runs fn in a transaction, bounded in time on both sides.
func (s *Switch) within(ctx context.Context, mode pgx.TxAccessMode, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, connectWait+queryTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer done()
		_ = conn.Close(closing) // What was to be known is known.
	}()
	for name, value := range map[string]time.Duration{"statement_timeout": queryTimeout, "lock_timeout": 2 * time.Second, "idle_in_transaction_session_timeout": idleWait} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", name, millis(value)); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: mode})
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // Does nothing after a commit.
	if err := fn(ctx, tx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
