package gateway

import (
	"errors"
	"strings"
)

// maxWords bounds what a person says at once, in bytes.
const maxWords = 4000

// word is one word of what was said.
type word struct {
	// text is the word without its quotes; raw is as it was typed.
	text, raw string
	// quoted is set when the word began with a quote: it is prose then, or a whole
	// "name=some value", but never a name or an option.
	quoted bool
}

var errQuote = errors.New("a quote is not closed; close it, or leave the quotes out")

// split cuts a line into words. Quotes, plain or curly as phones type them, hold
// words together at the beginning of a word and behind =; elsewhere they are
// letters (it's). Between double quotes a backslash makes a double
// quote or a backslash a letter. A quote that is never closed is an error, and the
// words are still usable as prose.
func split(line string) (words []word, err error) {
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		w, rest, closed := next(line)
		if !closed {
			err = errQuote
		}
		words, line = append(words, w), rest
	}
	return words, err
}

// next cuts off one word.
func next(line string) (w word, rest string, closed bool) {
	var text strings.Builder
	at, closed := 0, true
	for at < len(line) && line[at] != ' ' {
		opening, closing := quoteAt(line[at:])
		if opening == "" || at > 0 && line[at-1] != '=' {
			text.WriteByte(line[at])
			at++
			continue
		}
		w.quoted = w.quoted || at == 0
		inside, n, ok := untilQuote(line[at+len(opening):], closing)
		text.WriteString(inside)
		at += len(opening) + n
		closed = closed && ok
	}
	w.text, w.raw = text.String(), line[:at]
	if !w.quoted {
		w.text = typedPlain(w.text)
	}
	return w, line[at:], closed
}

// quoteAt gives the quote that a text begins with and the one that closes it.
func quoteAt(s string) (opening, closing string) {
	for _, pair := range [][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"”", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}} {
		if strings.HasPrefix(s, pair[0]) {
			return pair[0], pair[1]
		}
	}
	return "", ""
}

// untilQuote reads up to the closing quote and says how many bytes that took.
func untilQuote(s, closing string) (inside string, n int, closed bool) {
	var text strings.Builder
	for n < len(s) {
		switch {
		case strings.HasPrefix(s[n:], closing):
			return text.String(), n + len(closing), true
		case closing == `"` && (strings.HasPrefix(s[n:], `\"`) || strings.HasPrefix(s[n:], `\\`)):
			text.WriteByte(s[n+1])
			n += 2
		default:
			text.WriteByte(s[n])
			n++
		}
	}
	return text.String(), n, false
}

// prose joins words as they were typed; a single quoted one loses its quotes.
func prose(words []word) string {
	if len(words) == 1 && words[0].quoted {
		return words[0].text
	}
	raw := make([]string, len(words))
	for i, w := range words {
		raw[i] = w.raw
	}
	return strings.Join(raw, " ")
}
