package copies

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// steady makes the text of a row the same in every session.
func steady(ctx context.Context, conn *pgx.Conn) error {
	for _, set := range [][2]string{
		{"search_path", "pg_catalog"},
		{"timezone", "UTC"},
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "3"},
		{"lc_monetary", "C"},
		{"row_security", "off"},
	} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", set[0], set[1]); err != nil {
			return fmt.Errorf("setting %s: %w", set[0], err)
		}
	}
	return nil
}

// tables are the application's own with rows in them: no partitioned ones, no views, and
// nothing that an extension brings.
const tables = `select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
	order by n.nspname collate "C", c.relname collate "C"`

func tableNames(ctx context.Context, conn *pgx.Conn) ([]pgx.Identifier, error) {
	rows, err := conn.Query(ctx, tables)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (pgx.Identifier, error) {
		id := make(pgx.Identifier, 2)
		return id, r.Scan(&id[0], &id[1])
	})
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	return names, nil
}

// count reads every table once: how many rows, and a checksum of what they hold.
func count(ctx context.Context, conn *pgx.Conn) ([]Table, error) {
	if err := steady(ctx, conn); err != nil {
		return nil, err
	}
	names, err := tableNames(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := make([]Table, len(names))
	for i, id := range names {
		out[i].Name = strings.Join(id, ".")
		err := conn.QueryRow(ctx, `select count(*), coalesce(sum(('x' || left(md5(backout_row::text), 15))::bit(60)::bigint::numeric), 0)::text
			from only `+id.Sanitize()+` as backout_row`).Scan(&out[i].Rows, &out[i].Sum)
		if err != nil {
			return nil, fmt.Errorf("counting %s: %w", out[i].Name, err)
		}
	}
	return out, nil
}

// countRows only counts.
func countRows(ctx context.Context, conn *pgx.Conn) (map[string]int64, error) {
	names, err := tableNames(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, id := range names {
		var n int64
		name := strings.Join(id, ".")
		if err := conn.QueryRow(ctx, "select count(*) from only "+id.Sanitize()).Scan(&n); err != nil {
			return nil, fmt.Errorf("counting %s: %w", name, err)
		}
		out[name] = n
	}
	return out, nil
}

// compare says what is not as it was, "" when all is.
func compare(want, got []Table) string {
	have := map[string]Table{}
	for _, t := range got {
		have[t.Name] = t
	}
	var wrong []string
	for _, t := range want {
		switch g, there := have[t.Name]; {
		case !there:
			wrong = append(wrong, t.Name+" is missing")
		case g.Rows != t.Rows:
			wrong = append(wrong, fmt.Sprintf("%s has %d rows, not %d", t.Name, g.Rows, t.Rows))
		case g.Sum != t.Sum:
			wrong = append(wrong, t.Name+" has as many rows with other contents")
		}
		delete(have, t.Name)
	}
	for _, t := range got {
		if _, more := have[t.Name]; more {
			wrong = append(wrong, t.Name+" was not in the copy")
		}
	}
	return strings.Join(wrong, "; ")
}

func total(ts []Table) int64 {
	var n int64
	for _, t := range ts {
		n += t.Rows
	}
	return n
}

// layout is how a database is made, so that another one can be made like it.
type layout struct {
	Encoding string `json:"encoding"`
	Collate  string `json:"collate"`
	Ctype    string `json:"ctype"`
	Provider string `json:"provider,omitempty"` // c, i or b; empty before PostgreSQL 15
	Locale   string `json:"locale,omitempty"`
	Rules    string `json:"rules,omitempty"`
}

// layoutOf reads it by names: PostgreSQL 15, 16 and 17 each call the columns otherwise.
func layoutOf(ctx context.Context, db direct.Executor, name string) (layout, error) {
	var encoding, row string
	err := db.QueryRow(ctx, "select pg_encoding_to_char(encoding), to_jsonb(d)::text from pg_database d where datname = $1", name).Scan(&encoding, &row)
	if err != nil {
		return layout{}, fmt.Errorf("reading how database %s is made: %w", name, err)
	}
	var d struct {
		Collate   string `json:"datcollate"`
		Ctype     string `json:"datctype"`
		Provider  string `json:"datlocprovider"`
		Locale    string `json:"datlocale"`
		ICULocale string `json:"daticulocale"`
		Rules     string `json:"daticurules"`
	}
	if err := json.Unmarshal([]byte(row), &d); err != nil {
		return layout{}, fmt.Errorf("reading how database %s is made: %w", name, err)
	}
	if d.Locale == "" {
		d.Locale = d.ICULocale
	}
	return layout{encoding, d.Collate, d.Ctype, d.Provider, d.Locale, d.Rules}, nil
}

// create is the statement that makes an empty database like it.
func (l layout) create(name string) string {
	sql := "create database " + pgx.Identifier{name}.Sanitize() + " template template0 encoding " + quote(l.Encoding) +
		" lc_collate " + quote(l.Collate) + " lc_ctype " + quote(l.Ctype)
	switch l.Provider {
	case "i":
		sql += " locale_provider icu icu_locale " + quote(l.Locale)
		if l.Rules != "" {
			sql += " icu_rules " + quote(l.Rules)
		}
	case "b":
		sql += " locale_provider builtin builtin_locale " + quote(l.Locale)
	}
	return sql
}

// quote is a text constant whatever standard_conforming_strings is.
func quote(text string) string {
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "'", "''") + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
