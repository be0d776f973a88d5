package repair

import (
	"strings"
	"testing"
)

// FuzzCondition: what is let through cannot end the brackets it is put in, nor the
// statement.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{"a = 1", "a = 'it''s (' and b", "a) or (b", "'a' || \"b)\" = ')'", "a -- b", "E'\\'' ) ('", "x;y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if condition(text) != nil {
			return
		}
		var b strings.Builder // What stands outside of quotes.
		var quote rune
		for _, r := range text {
			switch {
			case quote != 0 && r == quote:
				quote = 0
			case quote == 0 && (r == '\'' || r == '"'):
				quote = r
			case quote == 0:
				b.WriteRune(r)
			}
		}
		depth := 0
		for _, r := range b.String() {
			switch r {
			case '(':
				depth++
			case ')':
				depth--
			case ';', '$':
				t.Fatalf("%q has a %c outside of quotes", text, r)
			}
			if depth < 0 {
				t.Fatalf("%q ends the brackets", text)
			}
		}
		if quote != 0 || depth != 0 {
			t.Fatalf("%q leaves something open", text)
		}
	})
}
