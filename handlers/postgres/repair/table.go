package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// queryer is a connection or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// column is one of a table; Type is PostgreSQL's own word for it, with its schema.
type column struct {
	Name, Type string
	// Generated columns are computed by the server and cannot be written.
	Generated bool
	// Class is the server's letter for what kind of type it is, such as N for numbers.
	Class string
}

// table is one with its columns; Key are those of its primary key, in its order.
type table struct {
	Schema, Name string
	Columns      []column
	Key          []string
}

func (t *table) String() string { return t.Schema + "." + t.Name }

func (t *table) ident() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

func (t *table) column(name string) *column {
	if i := slices.IndexFunc(t.Columns, func(c column) bool { return c.Name == name }); i >= 0 {
		return &t.Columns[i]
	}
	return nil
}

func (t *table) keyColumns() []column {
	out := make([]column, len(t.Key))
	for i, k := range t.Key {
		out[i] = *t.column(k)
	}
	return out
}

// rest are the columns that are not of the key.
func (t *table) rest() []column {
	var out []column
	for _, c := range t.Columns {
		if !slices.Contains(t.Key, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

// catalog lists the application's own tables with their columns: no views, no partitioned
// ones, which have no rows, nothing that an extension brings, and not Backout's own.
const catalog = `select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attgenerated <> '' or a.attidentity = 'a', t.typcategory::text,
		coalesce(array_position((i.indkey::int2[])[0:i.indnkeyatts - 1], a.attnum), -1)
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
	left join pg_index i on i.indrelid = c.oid and i.indisprimary
	where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'backout')
	and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
	order by n.nspname collate "C", c.relname collate "C", a.attnum`

// tablesOf reads them. The session must be steady, so that types have their schemas.
func tablesOf(ctx context.Context, db queryer) ([]*table, error) {
	rows, err := db.Query(ctx, catalog)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	defer rows.Close()
	var out []*table
	places := map[string]int{}
	for rows.Next() {
		var schema, name string
		var c column
		var place int
		if err := rows.Scan(&schema, &name, &c.Name, &c.Type, &c.Generated, &c.Class, &place); err != nil {
			return nil, fmt.Errorf("listing the tables: %w", err)
		}
		if n := len(out); n == 0 || out[n-1].Schema != schema || out[n-1].Name != name {
			out = append(out, &table{Schema: schema, Name: name})
			clear(places)
		}
		t := out[len(out)-1]
		t.Columns = append(t.Columns, c)
		if place >= 0 {
			places[c.Name] = place
			t.Key = append(t.Key, c.Name)
			slices.SortFunc(t.Key, func(a, b string) int { return places[a] - places[b] })
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	return out, nil
}

// named finds the table of a name, with its schema or in the one of the address.
func named(all []*table, name, schema string) *table {
	i := slices.IndexFunc(all, func(t *table) bool {
		return t.String() == name || (t.Schema == schema && t.Name == name)
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

// sameKey reports whether both have the same primary key of the same types.
func sameKey(a, b *table) bool { return slices.Equal(a.keyColumns(), b.keyColumns()) }

// common are the columns beside the key that both have with the same type; other tells
// what keeps the rest from being compared.
func common(here, there *table) (same []column, other []string) {
	for _, c := range here.rest() {
		switch o := there.column(c.Name); {
		case o == nil:
			other = append(other, c.Name+" is only here")
		case o.Type != c.Type:
			other = append(other, fmt.Sprintf("%s is %s here and %s in the copy", c.Name, c.Type, o.Type))
		default:
			same = append(same, c)
		}
	}
	for _, c := range there.rest() {
		if here.column(c.Name) == nil {
			other = append(other, c.Name+" is only in the copy")
		}
	}
	return same, other
}

// columnNames splits a list as people write it.
func columnNames(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}
