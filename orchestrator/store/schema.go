// Package store remembers: it keeps the folded state in one bbolt file and
// knows nothing of what it means. The log is the truth; this file is a view of
// it that can be thrown away and folded anew.
//
// It must not decide, call anything, or be written by anybody but the one fold
// goroutine of its process. Start reading at store.go.
//
// # Schema, version 1
//
// Integers in keys are big-endian, so keys sort as their numbers do; values are
// JSON unless said otherwise. ‖ joins, 0 is a zero byte.
//
//	meta     "meta"                          cursor, chain, time, counters, current documents
//	         "schema"                        version of this drawing, 4 bytes
//	doc      kind 0 hash                     configuration, rules, compiled playbooks
//	token    sha256(token)                   person and scope of an API token
//	own      p(2)                            epoch, instance, boot of a partition's owner
//	inc      n(8)                            header of an incident
//	step     n(8)‖ordinal(2)‖round(2)‖chunk(4)   a step, or one chunk of it
//	sig      n(8)‖shelf(2)‖sha256-128(source,fingerprint)   a signal of an incident, counted; the first 128 have no shelf
//	hist     n(8)‖line(4)                    one line of a timeline
//	alert    project 0 env 0 source 0 fingerprint 0 startsAt(8)   which incident has it, firing or not; all ones: its last end
//	corr     project 0 env                   the incident of an environment, n(8)
//	seen     day(4)‖shelf(2)‖sha256-128(origin,id)   what became of an event or command; dropped after 7 days; the first 100,000 have no shelf
//	timer    due ms(8)‖p(2)‖n(8)‖name        something is due
//	ready    p(2)‖priority(1)‖seq(8)‖step    work an executor may take: do, preview, measure, verify
//	running  p(2)‖step                       id of the attempt that was permitted
//	unknown  step                            an attempt nobody knows the end of
//	dep      project 0 env 0 created ms(8)‖id    the ledger of deployments
//	env      project 0 env                   what serves, lock, hold, breaker
//	set      project 0 env                   plan, retention, variables without values, crons, the last rotation of a secret
//	mig      project 0 name                  what a migration does to the code from before it, and the queries that decide
//	migmark  project 0 env 0 name            when it was applied there, what those queries counted, whether people were told
//	verdict  project 0 env                   whether one could go back, to what, and why
//	dwatch   n(8)                            a watch of a promotion: what it looks for, what it saw
//	watch    kind 0 project 0 env 0 id       what a polled source said last, counted; when a source was heard
//	shadow   kind(1)‖step, or kind(1)‖seq(8)…  what would have been done (e), what was missed (m), what became live (s)
//	status   project 0 component             what the public page says
//	bad      seq(8)‖index(2)                 quarantine, dropped after 400 days
//	sil      id(8)                           a silence
//	held     as alert                        a signal that fires and is held back
//	chg      project 0 env 0 at(8)‖seq(8)‖index(2)   a change that is no deployment
//	chain    seq(8)                          the chain at every 1,024th entry, the newest 64 of them
package store

// schemaVersion changes with the drawing above, together with a migration.
const schemaVersion = 1
