package engine

import (
	"strings"
	"unicode"

	"github.com/aimarketplace/backout/orchestrator"
)

// plainTexts makes what a handler said fit for the log. A refusal quotes the system
// that refused, and what that wrote must neither begin a line of its own in a timeline
// nor move a terminal's cursor. A preview may have lines.
func plainTexts(rec *orchestrator.Record) {
	if r := rec.Result; r != nil {
		r.Text = oneLine(r.Text)
	}
	if p := rec.Preview; p != nil {
		p.Text, p.Manual, p.Error = withLines(p.Text), withLines(p.Manual), oneLine(p.Error)
	}
	if m := rec.Measure; m != nil {
		m.Text, m.Error = oneLine(m.Text), oneLine(m.Error)
	}
	if v := rec.Verified; v != nil {
		v.Text = oneLine(v.Text)
	}
	if o := rec.Observed; o != nil {
		o.Error = oneLine(o.Error)
	}
}

// oneLine replaces line breaks by blanks and drops what else controls a terminal.
func oneLine(text string) string { return plainText(text, false) }

func withLines(text string) string { return plainText(text, true) }

func plainText(text string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
