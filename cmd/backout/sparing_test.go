package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSparing_aFloodIsALineThatCounts(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := sparingly(slog.New(slog.NewTextHandler(&b, nil))).With("listener", "public").Handler()
	say := func(at time.Duration, message string) {
		if err := h.Handle(context.Background(), slog.NewRecord(time.Unix(0, 0).Add(at), slog.LevelWarn, message, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for range 10_000 {
		say(time.Second, "refused")
	}
	say(2*time.Second, "another")
	say(2*time.Minute, "refused")
	text := b.String()
	if strings.Count(text, "msg=refused") != sparedLines+1 || strings.Count(text, "msg=another") != 1 || strings.Count(text, "left_out_before=9970") != 1 || strings.Count(text, "listener=public") != sparedLines+2 {
		t.Errorf("%d lines, the last: %s", strings.Count(text, "\n"), text[max(0, len(text)-300):])
	}
}
