package repair

import (
	"errors"
	"strings"
)

// condition refuses what could be more than one expression: it is put between brackets
// into a query, so it must not end them, the statement, or the line of thought of who
// reads it. Whether it is SQL is for PostgreSQL to say.
func condition(text string) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch c := text[i]; {
		case c == '\'' || c == '"':
			end := strings.IndexByte(rest[1:], c) // A doubled quote reads as two texts, side by side.
			if end < 0 {
				return errors.New("a quote in where is not closed")
			}
			if c == '\'' && strings.Contains(rest[1:1+end], `\`) {
				return errors.New("where has a backslash in a text, which may hide the end of it; compare without one")
			}
			i += end + 1
		case c == ';':
			return errors.New("where has a semicolon; write one condition")
		case c == '$':
			return errors.New("where has a dollar sign; write texts between single quotes, and no parameters")
		case c == 0 || strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*"):
			return errors.New("where has a comment; leave it out")
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return errors.New("where closes a bracket that it has not opened")
			}
		}
	}
	if depth != 0 {
		return errors.New("where does not close its brackets")
	}
	return nil
}
