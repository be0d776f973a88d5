package migrations

import (
	"fmt"
	"io"
	"strings"
)

// Text prints migrations for people. What is additive takes one line, the rest says
// why, and how to ask the database where the rows decide.
func Text(w io.Writer, all []Judged) error {
	var b strings.Builder
	for i, m := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s%s\n", m.Name, m.Class, waived(m.Waiver))
		if len(m.Statements) == 0 {
			b.WriteString("  it has no statement and changes nothing\n")
		}
		for _, s := range m.Statements {
			s.write(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("printing the classes: %w", err)
	}
	return nil
}

func waived(w *Waiver) string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf(" (waived by %s: %s)", oneLine(w.By), oneLine(w.Reason))
}

func oneLine(s string) string { return strings.Join(strings.Fields(strings.Map(printable, s)), " ") }

func (s *Statement) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s:%d  %s\n", ScriptFile, s.Line, s.Text)
	for _, f := range s.Findings {
		f.write(b)
	}
}

func (f *Finding) write(b *strings.Builder) {
	fmt.Fprintf(b, "    %-11s  %s: %s\n", f.Class, oneLine(f.Does), oneLine(f.Why))
	if f.Class != Additive {
		fmt.Fprintf(b, "      old code reads: %s, writes: %s\n", f.Reads, f.Writes)
	}
	if f.Loss != "" {
		fmt.Fprintf(b, "      lost: %s\n", oneLine(f.Loss))
	}
	for _, l := range f.Locks {
		fmt.Fprintf(b, "      lock: %s\n", l)
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(b, "      how many %s: %s\n", oneLine(e.Counts), oneLine(e.SQL))
	}
}

// String says what the lock holds up.
func (l Lock) String() string {
	table, while := oneLine(l.Table), ""
	if table == "" {
		table = "its table"
	}
	if l.Scans {
		while = " while every row is gone through"
	}
	return fmt.Sprintf("%s on %s, blocks %s%s", l.Mode, table, l.Blocks, while)
}
