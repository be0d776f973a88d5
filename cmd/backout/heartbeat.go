package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// How old the log's last answer may be, and how many entries may wait, while
// Backout still counts as working.
const (
	answerFresh = 30 * time.Second
	behindFine  = 5000
)

// startHeartbeat tells an address outside, every so often, that this Backout works.
// When it falls silent, whoever listens there pages people.
func (a *app) startHeartbeat(ctx context.Context) error {
	h := a.cfg.HeartbeatOut
	if h == nil {
		return nil
	}
	client, err := outbound.New(outbound.Options{AllowPrivate: prefixes(h.AllowPrivate), Logger: a.o.Logger, Redact: []string{h.URL.Reveal()}})
	if err != nil {
		return fmt.Errorf("making the client of heartbeat_out: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.beatOut(ctx, client, h.URL.Reveal(), time.Duration(h.Every))
	}()
	a.onClose("the heartbeat to the outside", func() error { stop(); <-ended; return nil })
	return nil
}

func (a *app) beatOut(ctx context.Context, client *outbound.Client, url string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	silent := ""
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		why := a.unwell(ctx)
		if why == "" {
			a.tell(ctx, client, url)
		} else if why != silent {
			a.o.Logger.ErrorContext(ctx, "heartbeat_out is not told, so that somebody looks", "because", why)
		}
		silent = why
	}
}

func (a *app) tell(ctx context.Context, client *outbound.Client, url string) {
	answer, err := client.Do(ctx, outbound.Request{Method: http.MethodGet, URL: url})
	if err == nil && answer.Status/100 != 2 {
		err = fmt.Errorf("it answered %d", answer.Status)
	}
	if err != nil && ctx.Err() == nil {
		a.o.Logger.WarnContext(ctx, "heartbeat_out was not told; it will think that Backout is down", "error", err)
	}
}

// unwell says why this Backout could not be relied on tonight; "" when it could.
func (a *app) unwell(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	h, err := a.engine.Health(ctx)
	if err != nil {
		return err.Error()
	}
	return unwell(h, time.Now())
}

func unwell(h engine.Health, now time.Time) string {
	var why []string
	if now.Sub(h.LogAnswered) > answerFresh {
		why = append(why, "the log has not answered since "+h.LogAnswered.UTC().Format("15:04:05"))
	}
	if h.Behind > behindFine {
		why = append(why, fmt.Sprintf("%d entries are not folded", h.Behind))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Blind)) {
		why = append(why, name+" cannot be read: "+h.Blind[name])
	}
	if h.Page != "" {
		why = append(why, "the last page was not sent: "+h.Page)
	}
	if h.Halted {
		why = append(why, "the clock jumped")
	}
	return strings.Join(why, "; ")
}
