package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How many lines with one message and source are written in a minute, where strangers can cause
// them: each refused request is one, and a disk that is full ends the process.
const (
	sparedLines  = 30
	sparedWindow = time.Minute
)

// sparing writes the first lines of a message in each minute; the first of the next
// says how many were left out.
type sparing struct {
	slog.Handler
	*spared
}

type spared struct {
	mu   sync.Mutex
	said map[string]spareOf
}

type spareOf struct {
	since time.Time
	lines int
}

// sparingly is the logger for what strangers reach; nil stays nil.
func sparingly(l *slog.Logger) *slog.Logger {
	if l == nil {
		return nil
	}
	return slog.New(sparing{l.Handler(), &spared{said: map[string]spareOf{}}})
}

// Handle implements slog.Handler.
func (s sparing) Handle(ctx context.Context, r slog.Record) error {
	what := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "source" {
			what += " " + a.Value.String()
		}
		return true
	})
	write, leftOut := s.count(what, r.Time)
	if !write {
		return nil
	}
	if leftOut > 0 {
		r.AddAttrs(slog.Int("left_out_before", leftOut))
	}
	return s.Handler.Handle(ctx, r)
}

func (s *spared) count(what string, at time.Time) (write bool, leftOut int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.said[what]
	if at.Sub(of.since) >= sparedWindow {
		leftOut = max(0, of.lines-sparedLines)
		of = spareOf{since: at}
	}
	of.lines++
	s.said[what] = of // messages and sources are the program's own, so there are few
	return of.lines <= sparedLines, leftOut
}

// WithAttrs implements slog.Handler.
func (s sparing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparing{s.Handler.WithAttrs(attrs), s.spared}
}

// WithGroup implements slog.Handler.
func (s sparing) WithGroup(name string) slog.Handler {
	return sparing{s.Handler.WithGroup(name), s.spared}
}
