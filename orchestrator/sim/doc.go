// Package sim drives the real fold and the real engine core through a world of
// faults, from one random seed: three instances, a log that loses requests and
// acknowledgements, crashes that forget what was not committed, pauses, wrong
// suspicions, calls that are slow, fail, or do their work and do not answer.
//
// It contains faults, schedule and invariants only, never a copy of what it
// tests, and nobody imports it. Start reading at world.go; invariants.go says
// what must hold.
package sim
