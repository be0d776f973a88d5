package migrations

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a script. The parser's tree takes some fifty times the room of its
// text, so a long script is read in parts.
const (
	maxScript    = 16 << 20
	maxStatement = 1 << 20
	partBytes    = 256 << 10
)

// Classifier judges scripts. It may be used from many goroutines.
type Classifier struct {
	parser Parser
	rules  map[string]rule
}

// NewClassifier takes the parser, which is only loaded by the first script that has
// a statement.
func NewClassifier(p Parser) *Classifier { return &Classifier{parser: p, rules: rules()} }

// Script judges one script and notes in scope what it makes. What cannot be read is
// a statement of the class Unknown; nothing is left out. A script without statements
// has none.
func (c *Classifier) Script(scope *Scope, src []byte) []Statement {
	if s, bad := unreadable(src); bad {
		return []Statement{s}
	}
	var out []Statement
	if rest, found := bytes.CutPrefix(src, []byte("\ufeff")); found {
		out = append(out, refused(1, "", "the file begins with a byte order mark, which PostgreSQL refuses; save it without"))
		src = rest
	}
	all := pieces(src)
	if len(all) == 0 {
		return out
	}
	for part := range parts(all) {
		out = append(out, c.part(scope, src, part)...)
	}
	alone(out)
	return out
}

// unreadable is a script that is not looked into at all. A NUL would end the text for
// the parser, and what stands behind it would not be judged.
func unreadable(src []byte) (Statement, bool) {
	if len(src) > maxScript {
		return refused(1, "", fmt.Sprintf("the file has %d MiB, and Backout reads up to %d", len(src)>>20, maxScript>>20)), true
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return refused(lineOf(src, i), "", "the file has a NUL byte here, which no statement can hold"), true
	}
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return refused(lineOf(src, i), "", "the file is not UTF-8 here; save it as UTF-8"), true
		}
		i += size
	}
	return Statement{}, false
}

// refused is a statement that nobody could read.
func refused(line int, text, why string) Statement {
	return Statement{Line: line, Text: text, Class: Unknown, Findings: one(unknown("not read", why))}
}

// parts puts statements together up to partBytes.
func parts(all []piece) func(func([]piece) bool) {
	return func(yield func([]piece) bool) {
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].to-all[from].from <= partBytes {
				to++
			}
			if !yield(all[from:to]) {
				return
			}
			from = to
		}
	}
}

// part judges some statements in one go, and one by one when the parser refuses them
// together: then it says which one is wrong.
func (c *Classifier) part(scope *Scope, src []byte, part []piece) (out []Statement) {
	span := piece{part[0].from, part[len(part)-1].to}
	if len(part) == 1 {
		return c.single(scope, src, span)
	}
	if parsed, err := c.parser.Parse(string(src[span.from:span.to])); err == nil {
		return c.all(scope, src, span, parsed)
	}
	for _, p := range part {
		out = append(out, c.single(scope, src, p)...)
	}
	return out
}

func (c *Classifier) single(scope *Scope, src []byte, p piece) []Statement {
	text := src[p.from:p.to]
	line := lineOf(src, p.from)
	switch {
	case text[0] == '\\':
		return []Statement{refused(line, excerpt(text), "this is a command to psql; Prisma sends it to PostgreSQL, which refuses it")}
	case len(text) > maxStatement:
		return []Statement{refused(line, excerpt(text), fmt.Sprintf("the statement has more than %d MiB", maxStatement>>20))}
	}
	parsed, err := c.parser.Parse(string(text))
	if err != nil {
		return []Statement{refused(line, excerpt(text), err.Error())}
	}
	return c.all(scope, src, p, parsed)
}

// all judges what came out of the text at span.
func (c *Classifier) all(scope *Scope, src []byte, span piece, parsed []Parsed) (out []Statement) {
	text := src[span.from:span.to]
	line, counted := lineOf(src, span.from), 0
	for _, p := range parsed {
		to := p.At + p.Len
		if p.Len == 0 || to > len(text) {
			to = len(text)
		}
		own := trimmed(text, min(p.At, to), to)
		line += bytes.Count(text[counted:max(counted, own.from)], []byte("\n"))
		counted = max(counted, own.from)
		s := Statement{Line: line, Text: excerpt(text[own.from:own.to])}
		s.Findings = c.judge(look{scope, text}, p)
		for _, f := range s.Findings {
			s.Class = max(s.Class, f.Class)
		}
		out = append(out, s)
	}
	if len(out) == 0 { // text that is neither blank nor a statement
		out = append(out, refused(line, excerpt(text), "the parser found no statement in it"))
	}
	return out
}

// judge asks the rule of the statement's kind. A rule that stumbles over a tree it
// did not expect has not understood it.
func (c *Classifier) judge(l look, p Parsed) (out []Finding) {
	defer func() {
		if r := recover(); r != nil {
			out = one(unknown(words(p.Kind), fmt.Sprintf("its rule failed: %v", r)))
		}
	}()
	r, known := c.rules[p.Kind]
	if !known || p.Tree == nil {
		return one(unknown(words(p.Kind), "Backout has no rule for this kind of statement"))
	}
	out = append(r(l, p.Tree), inside(p)...)
	if len(out) == 0 {
		return one(unknown(words(p.Kind), "its rule found nothing in it"))
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(b.Class, a.Class) })
	return out
}

// inside finds statements within statements: WITH … AS (DELETE …) deletes.
func inside(p Parsed) (out []Finding) {
	kinds(map[string]any(p.Tree), func(kind string, n Node) bool {
		switch kind {
		case "DeleteStmt":
			table := relation(n.node("relation"))
			out = append(out, destroys("delete rows of "+table+" on the way", "the deleted rows of "+table, "the statement deletes inside another one"))
		case "InsertStmt", "UpdateStmt", "MergeStmt":
			out = append(out, unknown("change rows on the way", "the statement has another one inside that changes rows"))
		}
		return true
	})
	return out
}

// words is the name of a node as people say it: CreateDomainStmt → create domain.
func words(kind string) string {
	var b strings.Builder
	for i, r := range strings.TrimSuffix(kind, "Stmt") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// alone marks what PostgreSQL refuses beside other statements: Prisma sends a script
// as one query, which is one transaction.
func alone(all []Statement) {
	if len(all) < 2 {
		return
	}
	for i := range all {
		for j, f := range all[i].Findings {
			if !strings.Contains(f.Does, concurrently) {
				continue
			}
			all[i].Findings[j] = unknown(f.Does, "PostgreSQL refuses CONCURRENTLY beside other statements of one migration: give it a migration of its own")
			all[i].Class = max(all[i].Class, Unknown)
		}
	}
}
