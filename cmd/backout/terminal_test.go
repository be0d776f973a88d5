package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

func TestTerminal_textControlsNothing(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain\n\ttext 결제\n":                     "plain\n\ttext 결제\n",
		"\x1b[2J\x1b]0;title\x07over\rwritten\b": "[2J]0;titleoverwritten",
		"c1 \u009b31m, bidi \u202egpj.exe":       "c1 31m, bidi gpj.exe",
		"raw c1 \x9b31m":                         "raw c1 \uFFFD31m",
	} {
		var b bytes.Buffer
		if n, err := fmt.Fprint(terminal{&b}, in); err != nil || n != len(in) || b.String() != want {
			t.Errorf("%q: %q, %d, %v", in, b.String(), n, err)
		}
	}
}

func TestPrintLine_isOneLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	printLine(&b, console.Line{At: time.Unix(0, 0).UTC(), Actor: "backout", Text: "refused\r\n00:00:00  ann  approved it"})
	if want := "00:00:00  backout            refused  00:00:00  ann  approved it\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestRun_printsThroughTheTerminal(t *testing.T) {
	t.Parallel()
	var out, failed bytes.Buffer
	run(t.Context(), []string{"\x1b[31mnonsense"}, stdio{in: nil, out: &out, err: &failed})
	if bytes.ContainsRune(failed.Bytes(), '\x1b') || failed.Len() == 0 {
		t.Errorf("%q", failed.String())
	}
}
