package access

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// Carry makes a restored database, which is about to take the place of one, as read-only
// as that one is: a copy knows nothing of what was taken after it. The record goes with
// it, so that postgres.readwrite finds in the restored database what to give back. A
// read-only that stood when the copy was made, and does not now, ends. Both connections
// are of the role that owns the tables. Again, after a crash, it changes nothing.
func Carry(ctx context.Context, from, to *pgx.Conn) error {
	f, err := current(ctx, from)
	if err != nil {
		return err
	}
	old, err := current(ctx, to)
	if err != nil || f == nil && old == nil {
		return err
	}
	err = within(ctx, to, func(tx pgx.Tx) error {
		if old != nil && (f == nil || old.Key != f.Key) {
			if err := ends(ctx, tx, old.Key); err != nil {
				return err
			}
		}
		if f == nil {
			return nil
		}
		return takes(ctx, from, tx, *f)
	})
	if err != nil {
		return said("carrying read-only over to the restored database", err)
	}
	return nil
}

// ends gives back what the copy shows as taken. What belongs to no object, the settings of
// the roles among it, is already as in the database that is replaced.
func ends(ctx context.Context, tx pgx.Tx, key string) error {
	all, err := taken(ctx, tx, key)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(g grant) bool { return g.Kind == "database" })
	if _, err := giveBack(ctx, tx, all); err != nil {
		return err
	}
	if _, err := exactly(ctx, tx, all); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "update backout.readonly set given_back = clock_timestamp() where key = $1", key)
	return err
}

// takes takes the rights of the restored objects under the same record.
func takes(ctx context.Context, from *pgx.Conn, tx pgx.Tx, f inForce) error {
	if err := ensure(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "insert into backout.readonly (key, incident, at, roles) values ($1, $2, $3, $4) on conflict (key) do nothing", f.Key, f.Incident, f.At, f.Roles); err != nil {
		return err
	}
	if err := outside(ctx, from, tx, f); err != nil {
		return err
	}
	if err := fit(ctx, tx, f.Roles); err != nil {
		return err
	}
	all, err := keep(ctx, tx, f)
	if err == nil {
		err = revoke(ctx, tx, all)
	}
	if err == nil {
		err = nothingLeft(ctx, tx, f.Roles)
	}
	if err == nil {
		_, err = fasten(ctx, tx, f)
	}
	return err
}

// outside copies the part of the record that is no object of a copy: the right to create
// in the database, and what the roles' setting was before. Of both the restored database
// has what the one of now has.
func outside(ctx context.Context, from *pgx.Conn, tx pgx.Tx, f inForce) error {
	all, err := from.Query(ctx, `select kind, object, col, role, privilege, grantable, was from backout.readonly_grant where key = $1 and kind = 'database'`, f.Key)
	if err != nil {
		return fmt.Errorf("reading the record: %w", err)
	}
	grants, err := pgx.CollectRows(all, pgx.RowToStructByPos[grant])
	if err != nil {
		return fmt.Errorf("reading the record: %w", err)
	}
	for _, g := range grants {
		_, err := tx.Exec(ctx, `insert into backout.readonly_grant (key, kind, object, col, role, privilege, grantable, was)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`, f.Key, g.Kind, g.Object, g.Col, g.Role, g.Privilege, g.Grantable, g.Was)
		if err != nil {
			return err
		}
	}
	for _, role := range f.Roles {
		if err := wasSet(ctx, from, tx, f.Key, role); err != nil {
			return err
		}
	}
	return nil
}

func wasSet(ctx context.Context, from direct.Executor, tx pgx.Tx, key, role string) error {
	var was *string
	err := from.QueryRow(ctx, "select was from backout.readonly_role where key = $1 and role = $2", key, role).Scan(&was)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the record: %w", err)
	}
	_, err = tx.Exec(ctx, "insert into backout.readonly_role (key, role, was) values ($1, $2, $3) on conflict do nothing", key, role, was)
	return err
}
