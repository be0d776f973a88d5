package main

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"
)

// terminal drops what would control a terminal from what is printed: titles, names and
// answers come from outside, and a log of before may hold what is refused today. Lines
// and tabs stay.
type terminal struct {
	io.Writer
}

// Write implements io.Writer. A character that is cut in two by two writes does not
// occur: every command prints whole texts.
func (t terminal) Write(p []byte) (int, error) {
	if isText(p) {
		return t.Writer.Write(p)
	}
	out := bytes.Map(func(r rune) rune {
		if controls(r) {
			return -1
		}
		return r
	}, p)
	if _, err := t.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// isText reports that nothing is to be dropped, as nearly always; what is no UTF-8 goes
// through as it is when it controls nothing.
func isText(p []byte) bool {
	for len(p) > 0 {
		r, width := utf8.DecodeRune(p)
		if controls(r) || r == utf8.RuneError && width == 1 && p[0] >= 0x80 && p[0] < 0xa0 {
			return false
		}
		p = p[width:]
	}
	return true
}

func controls(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}
