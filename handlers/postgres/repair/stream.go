package repair

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// look makes the session steady and lists the tables. Types are told with their schemas;
// afterwards the application's schema is found behind the catalog, so that a condition may
// name what is in it.
func look(ctx context.Context, conn *pgx.Conn, schema string) ([]*table, error) {
	if err := plainTexts(ctx, conn); err != nil {
		return nil, err
	}
	const set = "select set_config('search_path', $1, false)"
	if _, err := conn.Exec(ctx, set, "pg_catalog"); err != nil {
		return nil, fmt.Errorf("setting search_path: %w", err)
	}
	all, err := tablesOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, set, "pg_catalog, "+ident(schema)); err != nil {
		return nil, fmt.Errorf("setting search_path: %w", err)
	}
	return all, nil
}

// plainTexts makes the text of a value the same in every session.
func plainTexts(ctx context.Context, db direct.Executor) error {
	for _, set := range [][2]string{
		{"timezone", "UTC"},
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "3"},
		{"lc_monetary", "C"},
		{"row_security", "off"}, // An error instead of rows that are not seen.
	} {
		if _, err := db.Exec(ctx, "select set_config($1, $2, false)", set[0], set[1]); err != nil {
			return fmt.Errorf("setting %s: %w", set[0], err)
		}
	}
	return nil
}

// order is how a key column is sorted, the same on both sides whatever their collations
// are, and compared: by number, otherwise by the bytes of its text.
type order struct {
	sql    string
	number bool
}

func orderOf(t *table, c column) order {
	at := pgx.Identifier{t.Name, c.Name}.Sanitize()
	switch c.Type {
	case "smallint", "integer", "bigint":
		return order{at, true}
	case "uuid": // Its own order is that of its text.
		return order{at, false}
	}
	return order{at + `::text collate "C"`, false}
}

// compare orders two values of a key; those are never null.
func (o order) compare(a, b []byte) int {
	if !o.number {
		return bytes.Compare(a, b)
	}
	x, errA := strconv.ParseInt(string(a), 10, 64)
	y, errB := strconv.ParseInt(string(b), 10, 64)
	switch {
	case errA != nil || errB != nil:
		return bytes.Compare(a, b)
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// side is a table that is read in the order of its key: the key's texts, those of the
// columns, then "1" where the condition holds.
type side struct {
	rows pgx.Rows
	// cur is the row that is looked at, valid until the next call of next; nil behind the
	// last one.
	cur [][]byte
}

// reading begins to read one side.
func reading(ctx context.Context, db queryer, t *table, columns []column, where string) (*side, error) {
	var list, sorted []string
	for _, c := range t.keyColumns() {
		list = append(list, pgx.Identifier{t.Name, c.Name}.Sanitize()+"::text")
		sorted = append(sorted, orderOf(t, c).sql)
	}
	for _, c := range columns {
		list = append(list, pgx.Identifier{t.Name, c.Name}.Sanitize()+"::text")
	}
	chosen := "'1'::text"
	if where != "" {
		chosen = "case when (" + where + "\n) then '1'::text else '0'::text end"
	}
	rows, err := db.Query(ctx, "select "+strings.Join(append(list, chosen), ", ")+" from only "+t.ident()+" order by "+strings.Join(sorted, ", "))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t, err)
	}
	s := &side{rows: rows}
	if err := s.next(); err != nil {
		rows.Close()
		return nil, fmt.Errorf("reading %s: %w", t, err)
	}
	return s, nil
}

func (s *side) next() error {
	if s.rows.Next() {
		s.cur = s.rows.RawValues()
		return nil
	}
	s.cur = nil
	return s.rows.Err()
}

func (s *side) chosen() bool { return string(s.cur[len(s.cur)-1]) == "1" }

// merge steps through two sides by their keys.
type merge struct {
	here, there *side
	orders      []order
	// what is at hand: a row here, one there, or both of the same key.
	inHere, inThere bool
}

func merging(t *table, here, there *side) *merge {
	m := &merge{here: here, there: there}
	for _, c := range t.keyColumns() {
		m.orders = append(m.orders, orderOf(t, c))
	}
	return m
}

// next goes to the next key; false behind the last one.
func (m *merge) next() (bool, error) {
	if m.inHere {
		if err := m.here.next(); err != nil {
			return false, err
		}
	}
	if m.inThere {
		if err := m.there.next(); err != nil {
			return false, err
		}
	}
	c := 0
	switch {
	case m.here.cur == nil && m.there.cur == nil:
		return false, nil
	case m.here.cur == nil:
		c = 1
	case m.there.cur == nil:
		c = -1
	default:
		for i, o := range m.orders {
			if c = o.compare(m.here.cur[i], m.there.cur[i]); c != 0 {
				break
			}
		}
	}
	m.inHere, m.inThere = c <= 0, c >= 0
	return true, nil
}

// changed reports whether column i, counted behind the key, differs.
func (m *merge) changed(i int) bool {
	a, b := m.here.cur[len(m.orders)+i], m.there.cur[len(m.orders)+i]
	return (a == nil) != (b == nil) || !bytes.Equal(a, b)
}

// text is a value that outlives the row; nil is null.
func text(value []byte) *string {
	if value == nil {
		return nil
	}
	s := string(value)
	return &s
}

func (m *merge) key() []string {
	cur := m.here.cur
	if !m.inHere {
		cur = m.there.cur
	}
	out := make([]string, len(m.orders))
	for i := range out {
		out[i] = string(cur[i])
	}
	return out
}

// pair is both sides of one table, read within one snapshot each.
type pair struct {
	*merge
	end []func()
}

func (p *pair) close() {
	for _, end := range slices.Backward(p.end) {
		end()
	}
}

// open begins to read a table on both sides.
func open(ctx context.Context, here, there *pgx.Conn, what both) (*pair, error) {
	p := &pair{}
	sides := make([]*side, 0, 2)
	for i, conn := range []*pgx.Conn{here, there} {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			p.close()
			return nil, fmt.Errorf("beginning to read %s: %w", what.here, err)
		}
		p.end = append(p.end, func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }) // It only read.
		t, where := what.here, what.where
		if i == 1 {
			t, where = what.there, ""
		}
		s, err := reading(ctx, tx, t, what.columns, where)
		if err != nil {
			p.close()
			return nil, err
		}
		p.end = append(p.end, s.rows.Close)
		sides = append(sides, s)
	}
	p.merge = merging(what.here, sides[0], sides[1])
	return p, nil
}

// both is a table here and in the copy; where chooses rows here.
type both struct {
	here, there *table
	columns     []column
	where       string
}
