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
// Start reading at fold.go: Fold.Apply takes one entry apart and hands each record to
// the function named after it. An alert comes by foldEvent (events.go, then signals.go
// and rulematch.go) to an incident (incidents.go), whose plan advance.go moves forward;
// steps.go is what a step can do, approve.go and questions.go ask people, gates.go
// measures. An attempt is asked for in foldIntent (intents.go; limits.go has every reason
// to refuse one) and ends in foldResult (results.go); what waits is woken by foldTimer
// (timers.go), what people say comes by foldCommand (commands.go). entry.go and
// records.go are what the log holds, incident.go what the state does, and state.go is the
// only way to the buckets that package store keeps on disk.
package orchestrator
