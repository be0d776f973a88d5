package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const setting = "default_transaction_read_only"

// fasten sets new sessions of the roles in this database to read-only and writes down
// what was set before. Whoever owns tables need not be able to: then it is told.
func fasten(ctx context.Context, tx pgx.Tx, f inForce) (told string, err error) {
	for _, role := range f.Roles {
		_, err := tx.Exec(ctx, `insert into backout.readonly_role (key, role, was)
			select $1, $2::text, (select split_part(c, '=', 2) from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c
				where d.datname = current_database() and s.setrole = (select oid from pg_roles where rolname = $2::text) and c like '`+setting+`=%')
			on conflict do nothing`, f.Key, role)
		if err != nil {
			return "", err
		}
		err = perhaps(ctx, tx, alter(role, "set "+setting+" = on"))
		if denied(err) {
			told = "the seat belt (" + setting + ") could not be set for " + role + ": Backout's role may not alter it"
			continue
		}
		if err != nil {
			return "", err
		}
	}
	return told, nil
}

// unfasten makes the setting what it was.
func unfasten(ctx context.Context, tx pgx.Tx, f inForce) error {
	for _, role := range f.Roles {
		var was *string
		err := tx.QueryRow(ctx, "select was from backout.readonly_role where key = $1 and role = $2", f.Key, role).Scan(&was)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		to := "reset " + setting
		if was != nil {
			to = "set " + setting + " = " + literal(*was)
		}
		if err := perhaps(ctx, tx, alter(role, to)); err != nil && !denied(err) {
			return err
		}
	}
	return nil
}

// alter is a setting of a role in this database alone, which goes before its others.
func alter(role, to string) string {
	return fmt.Sprintf(`do $do$ begin execute format('alter role %%s in database %%I %%s', %s, current_database(), %s); end $do$`, literal(ident(role)), literal(to))
}

// perhaps runs a statement that may be refused without ending the transaction.
func perhaps(ctx context.Context, tx pgx.Tx, sql string) error {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := inner.Exec(ctx, sql); err != nil {
		return errors.Join(err, inner.Rollback(ctx))
	}
	return inner.Commit(ctx)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
