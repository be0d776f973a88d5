package access

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// triedMost bounds the tables of a proof.
const triedMost = 300

// attempt is a write as an application's role that touches no row.
type attempt struct {
	Table string `json:"table"`
	Verb  string `json:"verb"`
	SQL   string `json:"sql,omitempty"`
	// Got is done, refused, or the SQLSTATE of another refusal.
	Got string `json:"got,omitempty"`
}

// tried is what the attempts of a role on a table came to.
type tried struct {
	Role    string `json:"role"`
	Table   string `json:"table"`
	Refused int    `json:"refused"`
	Done    int    `json:"done"`
	Other   int    `json:"other,omitempty"`
}

// attempts are an insert, an update and a delete per table, each of no row.
func attempts(ctx context.Context, tx pgx.Tx) ([]attempt, error) {
	rows, err := tx.Query(ctx, `select format('%I.%I', n.nspname, c.relname), (select quote_ident(a.attname) from pg_attribute a where a.attrelid = c.oid
			and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a' order by a.attnum limit 1)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and not c.relispartition and `+mine+` order by 1 limit $1`, triedMost)
	if err != nil {
		return nil, err
	}
	var out []attempt
	var table string
	var col *string
	_, err = pgx.ForEachRow(rows, []any{&table, &col}, func() error {
		out = append(out, attempt{Table: table, Verb: "DELETE", SQL: "delete from " + table + " where false"})
		if col != nil {
			out = append(out,
				attempt{Table: table, Verb: "INSERT", SQL: "insert into " + table + " (" + *col + ") select null where false"},
				attempt{Table: table, Verb: "UPDATE", SQL: "update " + table + " set " + *col + " = default where false"})
		}
		return nil
	})
	return out, err
}

// tries runs attempts one by one and keeps what each came to. It is one round trip.
const tries = `do $do$
declare a record; got text; out jsonb := '[]';
begin
	for a in select * from jsonb_to_recordset(current_setting('backout.attempts')::jsonb) as x("table" text, verb text, sql text) loop
		begin
			execute a.sql;
			got := 'done';
		exception when insufficient_privilege then got := 'refused';
		when others then got := sqlstate;
		end;
		out := out || jsonb_build_object('table', a."table", 'verb', a.verb, 'got', got);
	end loop;
	perform set_config('backout.tried', out::text, true);
end $do$`

// try acts as each role in a transaction that is rolled back. untold is not empty when
// Backout may not act as a role, so that only the privileges speak.
func try(ctx context.Context, conn *pgx.Conn, roles []string) (got map[string][]attempt, untold []string, err error) {
	got = map[string][]attempt{}
	for _, role := range roles {
		one, err := tryAs(ctx, conn, role)
		if denied(err) {
			untold = append(untold, "no write was tried as "+role+", whom Backout's role may not become; the privileges speak")
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("trying to write as %s: %w", role, err)
		}
		got[role] = one
	}
	return got, untold, nil
}

func tryAs(ctx context.Context, conn *pgx.Conn, role string) ([]attempt, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // What was tried must not stay.
	all, err := attempts(ctx, tx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "select set_config('backout.attempts', $1, true)", string(body)); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	for _, sql := range []string{"set local role " + ident(role), tries} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	var text string
	if err := tx.QueryRow(ctx, "select current_setting('backout.tried')").Scan(&text); err != nil {
		return nil, err
	}
	var out []attempt
	return out, json.Unmarshal([]byte(text), &out)
}

// count sums the attempts up by role and table.
func count(got map[string][]attempt, roles []string) []tried {
	var out []tried
	for _, role := range roles {
		for _, a := range got[role] {
			if len(out) == 0 || out[len(out)-1].Table != a.Table || out[len(out)-1].Role != role {
				out = append(out, tried{Role: role, Table: a.Table})
			}
			switch t := &out[len(out)-1]; a.Got {
			case "refused":
				t.Refused++
			case "done":
				t.Done++
			default:
				t.Other++
			}
		}
	}
	return out
}

// able counts the privileges to write that the roles have by the database's own word.
func able(ctx context.Context, tx pgx.Tx, roles []string) (n int, err error) {
	err = tx.QueryRow(ctx, `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest($1::text[]) r, unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
		where c.relkind in ('r', 'p', 'v', 'm', 'f') and `+mine+` and (has_table_privilege(r::name, c.oid, p)
			or p in ('INSERT', 'UPDATE') and has_any_column_privilege(r::name, c.oid, p))`, roles).Scan(&n)
	return n, err
}
