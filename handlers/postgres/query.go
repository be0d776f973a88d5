package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// The limits of a query where the configuration names none. lockWait is short: a query
// that waits for a lock stands in the way of a migration.
const (
	queryEvery   = time.Minute
	queryTimeout = 5 * time.Second
	connectWait  = 5 * time.Second
	closeWait    = time.Second
	lockWait     = 500 * time.Millisecond
	idleWait     = 10 * time.Second
)

type pgDial = func(ctx context.Context, network, address string) (net.Conn, error)

// query is one query of one database; it implements orchestrator.Source.
type query struct {
	project, env string
	spec         orchestrator.SQLSignal
	config       *pgx.ConnConfig
}

// Name implements orchestrator.Source.
func (q *query) Name() string { return "sql/" + q.project + "/" + q.env + "/" + q.spec.ID }

// Every is how often it is asked.
func (q *query) Every() time.Duration {
	if q.spec.Every > 0 {
		return time.Duration(q.spec.Every) * time.Millisecond
	}
	return queryEvery
}

func (q *query) timeout() time.Duration {
	if q.spec.Timeout > 0 {
		return time.Duration(q.spec.Timeout) * time.Millisecond
	}
	return queryTimeout
}

// Poll implements orchestrator.Source.
func (q *query) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	r := orchestrator.Reading{
		Kind: orchestrator.ReadSQL, ID: q.spec.ID, Project: q.project, Environment: q.env,
		Verdict: orchestrator.ReadOK, At: time.Now().UnixMilli(),
	}
	value, err := q.value(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		r.Verdict, r.Text = orchestrator.ReadErrored, direct.Said(err)
	default:
		r.Value = &value
	}
	return []orchestrator.Record{{Reading: &r}}, nil
}

// value asks the database once.
func (q *query) value(ctx context.Context) (value int64, err error) {
	err = q.reading(ctx, func(ctx context.Context, tx pgx.Tx) error {
		value, err = q.read(ctx, tx)
		return err
	})
	return value, err
}

// reading runs fn in a read-only transaction on a connection of its own.
func (q *query) reading(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, connectWait+q.timeout()+time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, q.config)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() {
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer done()
		_ = conn.Close(closing) // The value is here, and nothing was changed.
	}()
	if err := q.limit(ctx, conn); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("beginning a read-only transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // The connection ends here in any case.
	return fn(ctx, tx)
}

// limit lets the server itself end what takes too long or would write.
func (q *query) limit(ctx context.Context, conn *pgx.Conn) error {
	for name, value := range map[string]string{
		"default_transaction_read_only":       "on",
		"statement_timeout":                   millis(q.timeout()),
		"lock_timeout":                        millis(min(lockWait, q.timeout())),
		"idle_in_transaction_session_timeout": millis(idleWait),
	} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// read takes the one value of the one row.
func (q *query) read(ctx context.Context, tx pgx.Tx) (int64, error) {
	rows, err := tx.Query(ctx, q.spec.SQL)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var value int64
	n := 0
	for rows.Next() {
		if n++; n > 1 {
			return 0, errors.New("it gave more than one row; one row with one number is needed")
		}
		if value, err = number(rows); err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("it gave no row; one row with one number is needed, such as count(*)")
	}
	return value, nil
}

// number is an integer as it is, and a numeric in thousandths.
func number(rows pgx.Rows) (int64, error) {
	fields := rows.FieldDescriptions()
	if len(fields) != 1 {
		return 0, fmt.Errorf("it gave %d columns; one row with one number is needed", len(fields))
	}
	switch fields[0].DataTypeOID {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		var n *int64
		if err := rows.Scan(&n); err != nil {
			return 0, fmt.Errorf("reading the value: %w", err)
		}
		if n == nil {
			return 0, errNull()
		}
		return *n, nil
	case pgtype.NumericOID:
		var n pgtype.Numeric
		if err := rows.Scan(&n); err != nil {
			return 0, fmt.Errorf("reading the value: %w", err)
		}
		return thousandths(n)
	}
	return 0, errors.New("its value is neither an integer nor a numeric; cast it, such as ::numeric")
}

func errNull() error { return errors.New("it gave null; write coalesce(…, 0)") }

// thousandths cuts what is finer.
func thousandths(n pgtype.Numeric) (int64, error) {
	switch {
	case !n.Valid:
		return 0, errNull()
	case n.NaN || n.InfinityModifier != pgtype.Finite:
		return 0, errors.New("it gave no finite number")
	}
	const most = 64 // digits; more never fit
	exp := int64(n.Exp) + 3
	if exp > most {
		return 0, errors.New("its value is too large")
	}
	value := new(big.Int).Set(n.Int)
	if exp >= 0 {
		value.Mul(value, power(exp))
	} else {
		value.Quo(value, power(min(-exp, 20_000)))
	}
	if !value.IsInt64() {
		return 0, errors.New("its value is too large")
	}
	return value.Int64(), nil
}

func power(exp int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(exp), nil) }
