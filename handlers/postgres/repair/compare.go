package repair

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	samplesMost = 20
	sampleRunes = 80
)

// compared is what differs between a database and its copy.
type compared struct {
	Scratch string `json:"scratch"`
	Copy    string `json:"copy"`
	At      int64  `json:"at"` // Unix milliseconds
	// Tables are those that differ, the most changed rows first; Same counts the others.
	Tables []*difference `json:"tables"`
	Same   int           `json:"same"`
	// Unseen are tables that could not be compared, and why; Dropped what earlier
	// comparisons and repairs had left.
	Unseen  []string `json:"unseen,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
}

// difference is what differs in one table.
type difference struct {
	Table string `json:"table"`
	// Changed rows are on both sides and differ; New are only here, Deleted only in the copy.
	Changed int64 `json:"changed"`
	New     int64 `json:"new"`
	Deleted int64 `json:"deleted"`
	// Columns counts the changed rows of each column; Other are columns that were not
	// compared, and why.
	Columns map[string]int64 `json:"columns,omitempty"`
	Other   []string         `json:"other,omitempty"`
	Samples []sample         `json:"samples,omitempty"`
}

// sample is a row that differs: for each column what the copy has, and what is here.
type sample struct {
	Key     []string              `json:"key"`
	Columns map[string][2]*string `json:"columns"`
}

func (w *work) compare(ctx context.Context) error {
	admin, err := maintenance(w.address).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, admin)
	if err := locked(ctx, admin, w.Key); err != nil {
		return err
	}
	dropped, err := tidy(ctx, admin, time.Now())
	if err != nil {
		return err
	}
	if err := w.scratch(ctx, admin); err != nil {
		return err
	}
	here, err := w.address.Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, here)
	there, err := w.address.On(w.Scratch).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, there)
	tables, err := tidyTables(ctx, here, time.Now())
	if err != nil {
		return err
	}
	out := &compared{Scratch: w.Scratch, Copy: w.Beside.Copy, At: w.Beside.At, Dropped: append(dropped, tables...), Tables: []*difference{}}
	if err := w.tables(ctx, here, there, out); err != nil {
		return err
	}
	if err := put(evidenceFile, out); err != nil {
		return err
	}
	for _, d := range out.Tables {
		d.Samples = nil // They are evidence, and not for the log.
	}
	w.out.Compared = out
	return nil
}

// tables compares all that both sides have.
func (w *work) tables(ctx context.Context, here, there *pgx.Conn, out *compared) error {
	ours, err := look(ctx, here, w.address.Schema)
	if err != nil {
		return err
	}
	theirs, err := look(ctx, there, w.address.Schema)
	if err != nil {
		return err
	}
	for _, t := range ours {
		o := named(theirs, t.String(), "")
		switch {
		case o == nil:
			out.Unseen = append(out.Unseen, t.String()+" is newer than the copy")
			continue
		case len(t.Key) == 0:
			out.Unseen = append(out.Unseen, t.String()+" has no primary key")
			continue
		case !sameKey(t, o):
			out.Unseen = append(out.Unseen, t.String()+" has another primary key than in the copy")
			continue
		}
		d, err := compareTable(ctx, here, there, t, o)
		if err != nil {
			return err
		}
		if d.Changed+d.New+d.Deleted == 0 && len(d.Other) == 0 {
			out.Same++
			continue
		}
		out.Tables = append(out.Tables, d)
	}
	for _, t := range theirs {
		if named(ours, t.String(), "") == nil {
			out.Unseen = append(out.Unseen, t.String()+" is only in the copy")
		}
	}
	slices.SortStableFunc(out.Tables, func(a, b *difference) int { return cmp.Compare(b.Changed, a.Changed) })
	return nil
}

func compareTable(ctx context.Context, here, there *pgx.Conn, ours, theirs *table) (*difference, error) {
	d := &difference{Table: ours.String(), Columns: map[string]int64{}}
	what := both{here: ours, there: theirs}
	what.columns, d.Other = common(ours, theirs)
	p, err := open(ctx, here, there, what)
	if err != nil {
		return nil, err
	}
	defer p.close()
	for {
		more, err := p.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("comparing %s: %w", ours, err)
		case !more:
			return d, nil
		case !p.inThere:
			d.New++
		case !p.inHere:
			d.Deleted++
		default:
			d.note(p.merge, what.columns)
		}
	}
}

// note counts the columns of a row that is on both sides.
func (d *difference) note(m *merge, columns []column) {
	changed := map[string][2]*string{}
	for i, c := range columns {
		if m.changed(i) {
			d.Columns[c.Name]++
			changed[c.Name] = m.values(i)
		}
	}
	if len(changed) == 0 {
		return
	}
	d.Changed++
	if len(d.Samples) < samplesMost {
		d.Samples = append(d.Samples, sampled(m.key(), changed))
	}
}

// values are what the copy has in column i, and what is here.
func (m *merge) values(i int) [2]*string {
	at := len(m.orders) + i
	return [2]*string{text(m.there.cur[at]), text(m.here.cur[at])}
}

// sampled keeps a row for people to see; what is longer than 80 letters is cut.
func sampled(key []string, columns map[string][2]*string) sample {
	s := sample{Columns: map[string][2]*string{}}
	for _, k := range key {
		s.Key = append(s.Key, *clip(&k))
	}
	for name, v := range columns {
		s.Columns[name] = [2]*string{clip(v[0]), clip(v[1])}
	}
	return s
}

func clip(value *string) *string {
	if value == nil {
		return nil
	}
	runes := []rune(*value)
	if len(runes) <= sampleRunes {
		return value
	}
	short := string(runes[:sampleRunes]) + "…"
	return &short
}
