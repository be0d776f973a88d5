package migrations

import (
	"bytes"
	"unicode/utf8"
)

// The lexer knows just enough of SQL to see where comments, quotes and dollar quotes
// end. What a statement means is for PostgreSQL's parser to say.

// skip returns where the lexical item that begins at i ends, and whether it was
// blank: white space or a comment. An item without an end goes to the end of src.
func skip(src []byte, i int) (next int, blank bool) {
	switch c := src[i]; {
	case isSpace(c):
		return i + 1, true
	case c == '-' && at(src, i+1) == '-':
		return lineEnd(src, i), true
	case c == '/' && at(src, i+1) == '*':
		return commentEnd(src, i)
	case c == '\'':
		return quoteEnd(src, i, escapes(src, i)), false
	case c == '"':
		return quoteEnd(src, i, false), false
	case c == '$' && (i == 0 || !isWord(src[i-1])):
		return dollarEnd(src, i), false
	}
	return i + 1, false
}

func at(src []byte, i int) byte {
	if i < 0 || i >= len(src) {
		return 0
	}
	return src[i]
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

// isWord is a byte of an identifier; all of other alphabets are.
func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || (c >= '0' && c <= '9') || (c|0x20 >= 'a' && c|0x20 <= 'z')
}

// escapes reports whether the quote at i is E'…', in which a backslash escapes.
func escapes(src []byte, i int) bool {
	return at(src, i-1)|0x20 == 'e' && !isWord(at(src, i-2))
}

func lineEnd(src []byte, i int) int {
	n := bytes.IndexAny(src[i:], "\r\n")
	if n < 0 {
		return len(src)
	}
	return i + n + 1
}

// commentEnd knows that block comments nest. One without an end is not blank: PostgreSQL
// refuses the script for it.
func commentEnd(src []byte, i int) (end int, closed bool) {
	depth := 0
	for i < len(src) {
		switch {
		case src[i] == '/' && at(src, i+1) == '*':
			depth, i = depth+1, i+2
		case src[i] == '*' && at(src, i+1) == '/':
			depth, i = depth-1, i+2
			if depth == 0 {
				return i, true
			}
		default:
			i++
		}
	}
	return len(src), false
}

// quoteEnd takes a doubled quote for two quoted pieces side by side, which ends at
// the same place.
func quoteEnd(src []byte, i int, escape bool) int {
	quote := src[i]
	for i++; i < len(src); i++ {
		switch {
		case escape && src[i] == '\\':
			i++
		case src[i] == quote && escape && at(src, i+1) == quote:
			i++
		case src[i] == quote:
			return i + 1
		}
	}
	return len(src)
}

func dollarEnd(src []byte, i int) int {
	end := i + 1
	for end < len(src) && src[end] != '$' && isWord(src[end]) {
		end++
	}
	if at(src, end) != '$' || (at(src, i+1) >= '0' && at(src, i+1) <= '9') {
		return i + 1 // a parameter such as $1, or a lone dollar
	}
	tag := src[i : end+1]
	n := bytes.Index(src[end+1:], tag)
	if n < 0 {
		return len(src)
	}
	return end + 1 + n + len(tag)
}

// piece is a part of a script, by its bytes, without what is blank around it.
type piece struct{ from, to int }

// pieces cuts a script at its semicolons. A function body written without quotes is
// cut too: its pieces are no statements, and no parser takes them for any.
func pieces(src []byte) (out []piece) {
	from, last := -1, 0
	for i := 0; i < len(src); {
		next, blank := skip(src, i)
		switch {
		case src[i] == ';':
			if from >= 0 {
				out = append(out, piece{from, last})
			}
			from = -1
		case from < 0 && src[i] == '\\': // a command to psql ends with its line
			next = lineEnd(src, i)
			out = append(out, piece{i, next})
		case !blank:
			if from < 0 {
				from = i
			}
			last = next
		}
		i = next
	}
	if from >= 0 {
		out = append(out, piece{from, last})
	}
	return out
}

// depth is an upper bound of how deep the tree of a text can be: only what stands
// between two commas of the same brackets can be nested, so it is the greatest number
// of items since the last comma, added up over the open brackets.
func depth(src []byte) (deepest int) {
	open, total := []int{0}, 0
	for i := 0; i < len(src); {
		next, blank := skip(src, i)
		top := len(open) - 1
		switch c := src[i]; {
		case blank || (isWord(c) && i > 0 && isWord(src[i-1])):
		case c == ',' || c == ';':
			total -= open[top]
			open[top] = 0
		case c == '(' || c == '[':
			open, total = append(open, 1), total+1
		case (c == ')' || c == ']') && top > 0:
			total -= open[top] - 1
			open[top-1]++
			open = open[:top]
		default:
			open[top]++
			total++
		}
		deepest = max(deepest, total)
		i = next
	}
	return deepest
}

// trimmed leaves out what is blank at both ends of src[from:to].
func trimmed(src []byte, from, to int) piece {
	p := piece{to, to}
	for i := from; i < to; {
		next, blank := skip(src, i)
		if !blank && src[i] != ';' {
			if p.from == to {
				p.from = i
			}
			p.to = min(next, to)
		}
		i = next
	}
	return p
}

// lineOf counts lines from 1; a carriage return without a line feed is no line's end.
func lineOf(src []byte, i int) int { return 1 + bytes.Count(src[:min(i, len(src))], []byte("\n")) }

// excerptBytes is how much of a statement is shown.
const excerptBytes = 160

// excerpt is the beginning of a statement on one line, without its comments.
func excerpt(src []byte) string {
	var out []byte
	gap := false
	for i := 0; i < len(src) && len(out) <= excerptBytes; {
		next, blank := skip(src, i)
		if blank {
			gap = len(out) > 0
		} else {
			if gap {
				out = append(out, ' ')
			}
			gap = false
			out = append(out, src[i:min(next, i+excerptBytes)]...)
		}
		i = next
	}
	out = bytes.Map(printable, out)
	if len(out) <= excerptBytes {
		return string(out)
	}
	cut := excerptBytes - len("…")
	for cut > 0 && !utf8.RuneStart(out[cut]) {
		cut--
	}
	return string(out[:cut]) + "…"
}

// printable keeps control characters off the terminal of who reads the report.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == utf8.RuneError {
		return ' '
	}
	return r
}
