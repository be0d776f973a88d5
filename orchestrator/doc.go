// Package orchestrator says what an incident is and what follows from each
// entry of the log. It owns the types everything else speaks in (Entry, Event,
// Incident, Plan, Action, View), the state tables, and the fold: a pure function
// from a state and an entry to the next state.
//
// It must not do anything: no clock, no network, no files, no goroutines, no
// randomness, no doubles, no map order that shows. Time is the entry's time.
// Everything that changes state is a record of an entry, so a log folded twice
// gives the same state twice.
//
// Start reading at fold.go: Fold takes one entry apart and hands each record to
// the function named after it (foldEvent, foldCommand, foldIntent, foldResult,
// foldTimer ...), in files named alike. advance.go moves a plan forward, approve.go and questions.go ask people,
// limits.go holds every reason for which an intent is refused, and state.go is
// the only way to the buckets that package store keeps on disk.
package orchestrator
