package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// inForce is the record of a read-only that was not given back yet.
type inForce struct {
	Key, Incident string
	At            time.Time
	Roles         []string
}

// ensure makes the tables of the record; it costs nothing where they are.
func ensure(ctx context.Context, tx pgx.Tx) error {
	if err := direct.EnsureMarks(ctx, tx); err != nil {
		return err
	}
	for _, sql := range []string{
		`create table if not exists backout.readonly (
			key text primary key, incident text not null, at timestamptz not null default clock_timestamp(), roles text[] not null, given_back timestamptz)`,
		`create unique index if not exists readonly_one on backout.readonly ((true)) where given_back is null`,
		`create table if not exists backout.readonly_grant (
			key text not null references backout.readonly, kind text not null, object text not null, col text not null default '',
			role text not null, privilege text not null, grantable bool not null, was text not null,
			primary key (key, kind, object, col, role, privilege))`,
		`create table if not exists backout.readonly_role (
			key text not null references backout.readonly, role text not null, was text, primary key (key, role))`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making the record of read-only in schema backout: %w", err)
		}
	}
	return nil
}

// current reads the record in force, nil when there is none.
func current(ctx context.Context, db direct.Executor) (*inForce, error) {
	var f inForce
	err := db.QueryRow(ctx, "select key, incident, at, roles from backout.readonly where given_back is null").Scan(&f.Key, &f.Incident, &f.At, &f.Roles)
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows), errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000"):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the record of read-only: %w", err)
	}
	return &f, nil
}

// held lists what the roles $1 were granted to write with, by the owner of each object:
// nobody else's grant can be given back as it was.
const held = `
	select case c.relkind when 'S' then 'sequence' else 'table' end kind, format('%I.%I', n.nspname, c.relname) object, '' col,
		pg_get_userbyid(x.grantee) role, x.privilege_type privilege, x.is_grantable grantable, c.relacl::text was
	from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x
	where ` + mine + ` and x.grantor = c.relowner and pg_get_userbyid(x.grantee) = any($1) and x.grantee <> 0
		and (c.relkind in ('r', 'p', 'v', 'm', 'f') and x.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
			or c.relkind = 'S' and x.privilege_type in ('USAGE', 'UPDATE'))
	union all
	select 'column', format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), pg_get_userbyid(x.grantee), x.privilege_type, x.is_grantable, a.attacl::text
	from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(a.attacl) x
	where ` + mine + ` and not a.attisdropped and x.grantor = c.relowner and pg_get_userbyid(x.grantee) = any($1) and x.grantee <> 0
		and x.privilege_type in ('INSERT', 'UPDATE')
	union all
	select 'schema', quote_ident(n.nspname), '', pg_get_userbyid(x.grantee), x.privilege_type, x.is_grantable, n.nspacl::text
	from pg_namespace n, aclexplode(n.nspacl) x
	where ` + mine + ` and x.grantor = n.nspowner and pg_get_userbyid(x.grantee) = any($1) and x.grantee <> 0 and x.privilege_type = 'CREATE'
	union all
	select 'database', quote_ident(d.datname), '', pg_get_userbyid(x.grantee), x.privilege_type, x.is_grantable, d.datacl::text
	from pg_database d, aclexplode(d.datacl) x
	where d.datname = current_database() and x.grantor = d.datdba and pg_get_userbyid(x.grantee) = any($1) and x.grantee <> 0 and x.privilege_type = 'CREATE'`

// keep writes down what is about to be taken and answers it.
func keep(ctx context.Context, tx pgx.Tx, f inForce) ([]grant, error) {
	if _, err := tx.Exec(ctx, "insert into backout.readonly (key, incident, roles) values ($1, $2, $3) on conflict (key) do nothing", f.Key, f.Incident, f.Roles); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `insert into backout.readonly_grant (key, kind, object, col, role, privilege, grantable, was)
		select $2, kind, object, col, role, privilege, grantable, was from (`+held+`) h on conflict do nothing`, f.Roles, f.Key); err != nil {
		return nil, err
	}
	return now(ctx, tx, f.Roles)
}

// now lists what the roles are granted at this moment.
func now(ctx context.Context, tx pgx.Tx, roles []string) ([]grant, error) {
	rows, err := tx.Query(ctx, held+" order by kind, object, col, role, privilege", roles)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[grant])
}

// taken lists what was recorded under a key.
func taken(ctx context.Context, tx pgx.Tx, key string) ([]grant, error) {
	rows, err := tx.Query(ctx, `select kind, object, col, role, privilege, grantable, was from backout.readonly_grant
		where key = $1 order by kind, object, col, role, privilege`, key)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[grant])
}
