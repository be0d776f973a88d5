package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const stateStaged = "staged"

// staged is which rows would be put back; an approval is bound to it. It is kept as the
// note of the stage's mark in the scratch database.
type staged struct {
	Scratch string `json:"scratch"`
	// Stage is the key of the step that staged, by which its mark is found.
	Stage string `json:"stage"`
	// Copy is the copy that the values are of, and At the moment it shows.
	Copy string `json:"copy"`
	At   int64  `json:"at"`
	wanted
	// Rows are to be put back, and Sum is the SHA-256 of their keys, seen and new values.
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
	// Left alone: New have no old value, Same have it already, Other differ and the
	// condition does not hold for them, Deleted are only in the copy.
	New     int64 `json:"new"`
	Same    int64 `json:"same"`
	Other   int64 `json:"other"`
	Deleted int64 `json:"deleted"`
	// Shown are samples without texts of people, for the preview.
	Shown []string `json:"shown,omitempty"`
}

func stageTable(key string) string { return "stage_" + job.Short(key, 16) }

// fieldNames are the columns of a staging table behind n: keys, seen, new values.
func fieldNames(keys, columns int) []string {
	var out []string
	for _, part := range []struct {
		letter string
		n      int
	}{{"k", keys}, {"s", columns}, {"v", columns}} {
		for i := range part.n {
			out = append(out, part.letter+strconv.Itoa(i+1))
		}
	}
	return out
}

func makeStaging(name string, fields []string, more string) string {
	return "create table backout." + ident(name) + " (n bigint primary key, " + strings.Join(fields, " text, ") + " text" + more + ")"
}

// add adds a row to a checksum: lengths in between, so that no two rows look alike.
func add(h hash.Hash, values []*string) {
	for _, v := range values {
		if v == nil {
			_, _ = io.WriteString(h, "-;") // A hash takes everything.
			continue
		}
		_, _ = io.WriteString(h, strconv.Itoa(len(*v))+":"+*v)
	}
}

func (w *work) stage(ctx context.Context) error {
	here, err := w.address.Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, here)
	there, err := w.address.On(w.Scratch).Open(ctx, direct.Limits{})
	if err != nil {
		return fmt.Errorf("the scratch database is needed: %w", err)
	}
	defer direct.Close(ctx, there)
	pen, err := w.address.On(w.Scratch).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, pen)
	if err := locked(ctx, pen, w.Key); err != nil {
		return err
	}
	what, err := w.Wanted.resolve(ctx, here, there, w.address.Schema)
	if err != nil {
		return err
	}
	p, err := open(ctx, here, there, what)
	if err != nil {
		return err
	}
	defer p.close()
	s := &source{pair: p, what: what, sum: sha256.New()}
	s.out = staged{Scratch: w.Scratch, Stage: w.Key, Copy: w.Beside.Copy, At: w.Beside.At, wanted: w.Wanted}
	s.out.Table = what.here.String()
	if err := w.keep(ctx, pen, s); err != nil {
		return err
	}
	w.out.Staged = &s.out
	return put(evidenceFile, map[string]any{"staged": s.out, "samples": s.samples})
}

// keep writes the rows and the mark in one transaction of the scratch database.
func (w *work) keep(ctx context.Context, pen *pgx.Conn, s *source) error {
	tx, err := pen.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning to stage: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // Nothing after a commit.
	if err := direct.EnsureMarks(ctx, tx); err != nil {
		return err
	}
	name, fields := stageTable(w.Key), fieldNames(len(s.what.here.Key), len(s.what.columns))
	for _, sql := range []string{"drop table if exists backout." + ident(name), makeStaging(name, fields, "")} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("making the staging table: %w", err)
		}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"backout", name}, append([]string{"n"}, fields...), s); err != nil {
		return fmt.Errorf("staging the rows of %s: %w", s.what.here, err)
	}
	s.out.Sum = hex.EncodeToString(s.sum.Sum(nil))
	note, err := json.Marshal(s.out)
	if err != nil {
		return fmt.Errorf("encoding what was staged: %w", err)
	}
	if err := direct.PutMark(ctx, tx, direct.Mark{Key: w.Key, Action: "postgres.stage", State: stateStaged, Note: note}); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// source gives the rows to stage, one after another; it is a pgx.CopyFromSource.
type source struct {
	*pair
	what    both
	out     staged
	sum     hash.Hash
	samples []sample
	row     []any
	err     error
}

// Next goes to the next row that is to be put back and counts those that are not.
func (s *source) Next() bool {
	for {
		more, err := s.next()
		if err != nil || !more {
			s.err = err
			return false
		}
		if s.wrong() {
			s.take()
			return true
		}
	}
}

// Values implements pgx.CopyFromSource.
func (s *source) Values() ([]any, error) { return s.row, nil }

// Err implements pgx.CopyFromSource.
func (s *source) Err() error { return s.err }

// wrong reports whether the row at hand is to be put back.
func (s *source) wrong() bool {
	switch {
	case !s.inHere:
		s.out.Deleted++
		return false
	case !s.inThere:
		s.out.New++
		return false
	}
	differs := false
	for i := range s.what.columns {
		differs = differs || s.changed(i)
	}
	switch {
	case !differs:
		s.out.Same++
	case !s.here.chosen():
		s.out.Other++
	default:
		return true
	}
	return false
}

// take makes the row of the staging table.
func (s *source) take() {
	s.out.Rows++
	keys, columns := len(s.orders), len(s.what.columns)
	values := make([]*string, 0, keys+2*columns)
	for i := range keys {
		values = append(values, text(s.here.cur[i]))
	}
	for _, from := range []*side{s.here, s.there} {
		for i := range columns {
			values = append(values, text(from.cur[keys+i]))
		}
	}
	add(s.sum, values)
	s.row = append(s.row[:0], s.out.Rows)
	for _, v := range values {
		s.row = append(s.row, v)
	}
	if s.out.Rows <= samplesMost {
		s.show()
	}
}

// show keeps the row as a sample.
func (s *source) show() {
	changed := map[string][2]*string{}
	var parts []string
	for i, c := range s.what.columns {
		if s.changed(i) {
			v := s.values(i)
			changed[c.Name] = v
			parts = append(parts, c.Name+" "+plain(c, v[1])+" -> "+plain(c, v[0]))
		}
	}
	s.samples = append(s.samples, sampled(s.key(), changed))
	var key []string
	for i, c := range s.what.here.keyColumns() {
		key = append(key, plain(c, &s.key()[i]))
	}
	s.out.Shown = append(s.out.Shown, strings.Join(key, ",")+": "+strings.Join(parts, ", "))
}

// plain is a value as the log may keep it: numbers, times, enumerations and identifiers as they are, of
// texts and all else only how long they are. The evidence has them.
func plain(c column, value *string) string {
	switch {
	case value == nil:
		return "null"
	case strings.Contains("NBDTE", c.Class) || c.Type == "uuid":
		return *clip(value)
	}
	return fmt.Sprintf("(text of %d)", len([]rune(*value)))
}
