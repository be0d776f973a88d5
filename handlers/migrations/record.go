package migrations

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/aimarketplace/backout/orchestrator"
)

// The longest texts that are kept of an effect, in bytes.
const (
	keptDoes = 120
	keptWhy  = 200
)

// Record is what the log keeps of a judged migration. Clean masks what no log may hold;
// a query in which it finds something is left out, and then nobody can tell.
func (j *Judged) Record(project string, script []byte, clean func(string) string) orchestrator.MigrationClass {
	m := orchestrator.MigrationClass{Project: project, Name: j.Name, Sum: sum(script), Also: sum(otherEnds(script)), Class: j.Class.String()}
	queries := 0
	for _, s := range j.Statements {
		for _, f := range s.Findings {
			e := f.effect(clean)
			e.Line, e.Statement = s.Line, shortened(clean(s.Text), keptWhy)
			e.Rows = kept(f.Evidence, clean, &queries)
			m.Effects = append(m.Effects, e)
		}
	}
	m.Effects, m.Cut = fitting(m.Effects)
	return m
}

func (f *Finding) effect(clean func(string) string) orchestrator.MigrationEffect {
	return orchestrator.MigrationEffect{
		Does: shortened(clean(f.title()), keptDoes), Class: f.Class.String(), Reads: string(f.Reads), Writes: string(f.Writes),
		Why: shortened(clean(f.Why), keptWhy), Loss: shortened(clean(f.Loss), keptWhy),
	}
}

// kept are the queries that decide, as many as are asked of one migration.
func kept(all []Evidence, clean func(string) string, queries *int) (out []orchestrator.RowQuery) {
	for _, e := range all {
		if e.Decides == "" || len(e.SQL) > orchestrator.MaxRowQuery || *queries == orchestrator.MaxRowQueries || clean(e.SQL) != e.SQL {
			continue
		}
		*queries++
		counts := e.Short
		if counts == "" {
			counts = shortened(e.Counts, keptWhy)
		}
		out = append(out, orchestrator.RowQuery{Counts: counts, SQL: e.SQL, Decides: e.Decides})
	}
	return out
}

// fitting leaves out what is too much: first what is additive.
func fitting(all []orchestrator.MigrationEffect) (out []orchestrator.MigrationEffect, cut bool) {
	against := 0
	for i := range all {
		if all[i].Class != orchestrator.ClassAdditive {
			against++
		}
	}
	additive := max(0, orchestrator.MaxEffects-against)
	for _, e := range all {
		switch {
		case len(out) == orchestrator.MaxEffects:
		case e.Class != orchestrator.ClassAdditive:
			out = append(out, e)
		case additive > 0:
			additive--
			out = append(out, e)
		}
	}
	return out, against > orchestrator.MaxEffects
}

// title is the effect as SQL shouts it: ADD COLUMN, ADD VALUE 'TOSS_PAY', and the name
// of the object where that matters, which it does unless all is well.
func (f *Finding) title() string {
	does := f.Does
	if rest, found := strings.CutPrefix(does, "let "); found {
		does = "add foreign key " + rest
	}
	at := strings.IndexAny(does, `"'`)
	if at < 0 {
		return strings.ToUpper(does)
	}
	head := strings.ToUpper(strings.TrimSpace(does[:at]))
	if value, _, found := strings.Cut(does[at:], " to enum "); found {
		return head + " " + value
	}
	if f.Class == Additive {
		for _, word := range []string{" ON", " TO", " OF", " INTO"} {
			head = strings.TrimSuffix(head, word)
		}
		return head
	}
	return head + " " + does[at:]
}

func sum(script []byte) string {
	h := sha256.Sum256(script)
	return hex.EncodeToString(h[:])
}

// otherEnds is the script with the other ends of lines: Git may have changed them, and
// Prisma takes either.
func otherEnds(script []byte) []byte {
	if bytes.Contains(script, []byte("\r\n")) {
		return bytes.ReplaceAll(script, []byte("\r\n"), []byte("\n"))
	}
	return bytes.ReplaceAll(script, []byte("\n"), []byte("\r\n"))
}

// shortened cuts a text between two characters.
func shortened(text string, n int) string {
	if len(text) <= n {
		return text
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
