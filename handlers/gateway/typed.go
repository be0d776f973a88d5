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

// misread finds a word that was meant to be an incident and was not understood as one.
// Without it, what was said would be done to whatever one thing waits, which may be
// another.
func (r *reading) misread() string {
	if r.cmd.Incident != 0 || !strings.Contains(r.verb.form, "[INC-n]") || r.verb.name == verbNote || r.verb.name == "update" {
		return ""
	}
	for i, w := range r.rest {
		if w.quoted {
			continue
		}
		text := strings.ToLower(strings.Trim(w.text, "`*_~<>()[]{}.,:;!?\"'"))
		if text == "inc" && i+1 < len(r.rest) {
			text += r.rest[i+1].text
		}
		number, named := strings.CutPrefix(text, "inc")
		if r.verb.name != "revert" && !named {
			number, named = strings.CutPrefix(text, "#")
		}
		number = strings.TrimPrefix(number, "-")
		if named && number != "" && span(number, 0, isDigit) == len(number) {
			return w.text
		}
	}
	return ""
}
