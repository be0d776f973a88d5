// Package job runs long local work (Prisma's CLI, pg_dump, pg_restore) so that it
// outlives Backout: `backout job DIR` is a process of its own, in a session of its own,
// that starts the child, keeps its output and its exit status in DIR, and kills it at
// the deadline even when Backout is dead. A job runs at most once per folder.
//
//	DIR/spec.json     what to run, written by Runner.Start; no secret is in it
//	DIR/lock          held by the supervisor as long as it lives
//	DIR/started.json  written before the child is started
//	DIR/output        what the child printed: redacted, its beginning and its end
//	DIR/ended.json    exit status, written last; without it and without the lock the job is lost
//
// The child inherits only the variables that the spec names; their values go from
// Backout to the supervisor by its environment, never through a file.
//
// Under systemd set KillMode=process: the default ends every process of the service, so
// a restart of Backout would end a migration in the middle.
//
// Start reading at Runner.Start (runner.go), then Supervise (supervise_linux.go); step.go is
// how an action of a plan uses it.
package job
