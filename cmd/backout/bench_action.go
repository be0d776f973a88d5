package main

import (
	"context"

	"github.com/aimarketplace/backout/orchestrator"
)

// benchAction is an effect that must not be done twice, so that every attempt
// takes the whole road: intent, limits, call, result.
type benchAction struct {
	do func(ctx context.Context, c orchestrator.Call) error
}

func benchSpec() orchestrator.Spec {
	return orchestrator.Spec{Name: "bench.step", Effect: true, Safety: orchestrator.Once, CallTimeout: 10_000}
}

// Spec implements orchestrator.Action.
func (a *benchAction) Spec() orchestrator.Spec { return benchSpec() }

// Do implements orchestrator.Action.
func (a *benchAction) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	return orchestrator.Output{}, a.do(ctx, c)
}

// Verify implements orchestrator.Action.
func (a *benchAction) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell}, nil
}

// Plan implements orchestrator.Action.
func (a *benchAction) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "one step of the bench"}, nil
}
