// Package engine makes happen what the fold decided: it reads the log, folds it
// into the store, claims partitions, appends intents and results, runs actions
// and fires timers.
//
// It decides nothing about incidents (package orchestrator does), keeps nothing
// itself (package store does) and knows no outside system (handlers do).
//
// Core is the whole of it without input and output: a state machine that one
// goroutine drives, given entries, answers and the time, and that says what to
// append, what to call and when to be woken. The simulator drives the same Core.
// Engine (engine.go) gives Core a real log, a real store, real clocks and workers.
//
// Start reading at Core.Next (core.go); lane.go is the appender, executor.go the work,
// ownership.go the claims, timers.go the timers. Of what surrounds it, Engine.Run
// (engine.go) is the loop, look.go reads the log, ingress.go and pump.go bring in what
// arrives, workers.go makes the calls, commit.go keeps the state.
package engine
