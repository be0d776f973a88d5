// Package scenarios tries rules and playbooks out before a night does: a scenario
// is a YAML file that tells what happens when (events, what people say, what
// monitors read) and what must come of it (incidents, suspect, playbook, pages,
// effects). It owns the file format, the scenarios that come with Backout, and the
// comparison.
//
// It must not decide anything: a scenario runs through the fold itself in virtual
// time (orchestrator.Rehearsal), and nothing outside is touched.
//
// Start reading at scenario.go, the format; run.go plays one, expect.go compares.
// The files beside this one are examples to write your own by; `backout rule test`
// runs them.
package scenarios
