package gateway

import (
	"strings"
	"unicode/utf8"
)

// typedPlain undoes what phones and Korean or Japanese keyboards make of a word:
// dashes of other lengths and letters of full width. What stands behind = is prose and
// stays as it is.
func typedPlain(text string) string {
	if isPlain(text) {
		return text
	}
	name, value, pair := text, "", false
	if at := strings.IndexAny(text, "=\uff1d"); at >= 0 {
		_, width := utf8.DecodeRuneInString(text[at:])
		name, value, pair = text[:at], text[at+width:], true
	}
	if first, width := utf8.DecodeRuneInString(name); first != '-' && isDash(first) && !strings.HasPrefix(plainLetters(name[width:]), "-") {
		name = "--" + name[width:] // a phone makes one long dash of two
	}
	name = plainLetters(name)
	if pair {
		return name + "=" + value
	}
	return name
}

func plainLetters(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case isDash(r):
			return '-'
		case r >= '\uff01' && r <= '\uff5e':
			return r - '\uff01' + '!'
		}
		return r
	}, s)
}

// isDash: hyphens, dashes and the minus sign.
func isDash(r rune) bool {
	return r == '-' || r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == '\ufe58' || r == '\ufe63' || r == '\uff0d'
}
