package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// auditEvery is the pause between two looks of Backout at itself.
const auditEvery = 15 * time.Second

// audit lets the owner of partition 0 say what should be happening and is not, and
// what is so no more.
func (e *Engine) audit(now time.Time) {
	if now.Before(e.auditAt) {
		return
	}
	e.auditAt = now.Add(auditEvery)
	if !e.core.Owns(0) || e.core.halted {
		return
	}
	state := e.core.State()
	found := state.Audit(e.clock.core(now).UnixMilli())
	known := map[[2]string]bool{}
	for _, sig := range state.Findings() {
		if slices.Contains(orchestrator.AuditKinds(), sig.Name) {
			known[[2]string{sig.Name, sig.Fingerprint}] = true
		}
	}
	for i := range found {
		key := [2]string{found[i].Kind, found[i].Key}
		if !known[key] {
			e.opt.Logger.Error("something that should happen does not", "finding", found[i].Text)
			e.core.Post(0, orchestrator.Record{Finding: &found[i]})
		}
		delete(known, key)
	}
	for key := range known {
		e.core.Post(0, orchestrator.Record{Finding: &orchestrator.Finding{Kind: key[0], Key: key[1], Gone: true}})
	}
}

// Health is how the parts do on which everything rests, for whoever watches
// Backout itself.
type Health struct {
	// LogAnswered is when the log last answered; Behind how many entries it had then
	// that were not folded.
	LogAnswered time.Time
	Behind      uint64
	// Blind names the sources that could not be read at their last poll, and the
	// environments whose provider cannot be read, with why.
	Blind map[string]string
	// Page says why the last page was not sent, "" when it was.
	Page string
	// Halted is set while the clock is not to be trusted.
	Halted bool
	// Findings is what Backout finds wrong with itself.
	Findings []orchestrator.Signal
}

// Health asks the loop how it does.
func (e *Engine) Health(ctx context.Context) (Health, error) {
	return ask(ctx, e, func() Health {
		h := Health{LogAnswered: e.endsAt, Blind: map[string]string{}, Page: e.pageErr, Halted: e.core.halted, Findings: e.core.State().Findings()}
		if cursor := e.core.State().Meta().Cursor; e.ends.Last > cursor {
			h.Behind = e.ends.Last - cursor
		}
		maps.Copy(h.Blind, e.blind)
		for place, since := range e.core.State().Blind() {
			h.Blind[place] = "not since " + time.UnixMilli(since).UTC().Format("15:04:05")
		}
		return h
	})
}
