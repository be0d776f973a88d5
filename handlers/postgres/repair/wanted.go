package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// wanted is what people want put back: columns of a table, in the rows where a condition
// over the row of production holds, in all when it is empty.
type wanted struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	Where   string   `json:"where,omitempty"`
}

// resolve finds the table on both sides and refuses what cannot be repaired. Its errors
// are such as no repetition cures, other than those of the connection.
func (w wanted) resolve(ctx context.Context, here, there *pgx.Conn, schema string) (both, error) {
	if err := condition(w.Where); err != nil {
		return both{}, never{err}
	}
	ours, err := look(ctx, here, schema)
	if err != nil {
		return both{}, err
	}
	theirs, err := look(ctx, there, schema)
	if err != nil {
		return both{}, err
	}
	b := both{here: named(ours, w.Table, schema), where: w.Where}
	if b.here == nil {
		return both{}, never{fmt.Errorf("there is no table %s; name one as `incident show` lists them, with its schema where that is not %s", w.Table, schema)}
	}
	if b.there = named(theirs, b.here.String(), ""); b.there == nil {
		return both{}, never{fmt.Errorf("the copy has no table %s", b.here)}
	}
	switch {
	case len(b.here.Key) == 0:
		return both{}, never{fmt.Errorf("%s has no primary key, so nobody can say which row of the copy is which; repair it by hand", b.here)}
	case !sameKey(b.here, b.there):
		return both{}, never{fmt.Errorf("%s has another primary key than in the copy, so rows cannot be matched", b.here)}
	case len(w.Columns) == 0:
		return both{}, never{errors.New("no column is named that is to be put back")}
	}
	for _, name := range w.Columns {
		if err := b.add(name); err != nil {
			return both{}, never{err}
		}
	}
	if err := b.allowed(ctx, here); err != nil {
		return both{}, err
	}
	return b, b.sensible(ctx, here)
}

// add takes a column in, unless it cannot be put back.
func (b *both) add(name string) error {
	c, o := b.here.column(name), b.there.column(name)
	switch {
	case c == nil && o != nil:
		return fmt.Errorf("%s has no column %s any more, only the copy has: make it again by a migration first, then compare and stage anew", b.here, name)
	case c == nil:
		return fmt.Errorf("%s has no column %s", b.here, name)
	case o == nil:
		return fmt.Errorf("column %s of %s is newer than the copy, which has no value for it", name, b.here)
	case c.Type != o.Type:
		return fmt.Errorf("column %s of %s is %s here and %s in the copy; values of another type are not put back", name, b.here, c.Type, o.Type)
	case c.Generated:
		return fmt.Errorf("column %s of %s is computed by the server; name the columns it is computed from", name, b.here)
	case slices.Contains(b.here.Key, name):
		return fmt.Errorf("column %s is of the primary key of %s, by which rows are matched", name, b.here)
	case slices.ContainsFunc(b.columns, func(c column) bool { return c.Name == name }):
		return fmt.Errorf("column %s is named twice", name)
	}
	b.columns = append(b.columns, *c)
	return nil
}

// allowed refuses what the role may not do.
func (b *both) allowed(ctx context.Context, here *pgx.Conn) error {
	for _, c := range b.columns {
		var may bool
		if err := here.QueryRow(ctx, "select has_column_privilege($1::text, $2::text, 'update')", b.here.ident(), c.Name).Scan(&may); err != nil {
			return fmt.Errorf("reading whether column %s of %s may be written: %w", c.Name, b.here, err)
		}
		if !may {
			return never{fmt.Errorf("role %s may not write column %s of %s; grant update to it, or name the owner of the table in direct_url", here.Config().User, c.Name, b.here)}
		}
	}
	var schema bool
	if err := here.QueryRow(ctx, `select coalesce((select has_schema_privilege(oid, 'create') from pg_namespace where nspname = 'backout'),
		has_database_privilege(current_database(), 'create'))`).Scan(&schema); err != nil {
		return fmt.Errorf("reading whether schema backout may be written: %w", err)
	}
	if !schema {
		return never{fmt.Errorf("role %s may not make tables in schema backout; grant create on database %s to it", here.Config().User, here.Config().Database)}
	}
	return nil
}

// sensible lets the server say whether the condition is one.
func (b *both) sensible(ctx context.Context, here *pgx.Conn) error {
	if b.where == "" {
		return nil
	}
	_, err := here.Prepare(ctx, "", "select case when ("+b.where+"\n) then 1 end, "+ident(b.here.Key[0])+" from only "+b.here.ident())
	if code := direct.Code(err); err != nil && (strings.HasPrefix(code, "42") || strings.HasPrefix(code, "22") || strings.HasPrefix(code, "0A")) {
		return never{fmt.Errorf("where is no condition on a row of %s: %s", b.here, direct.Said(err))}
	}
	if err != nil {
		return fmt.Errorf("asking whether where is a condition: %w", err)
	}
	return nil
}
