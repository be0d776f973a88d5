// Package copies takes copies of a database with PostgreSQL's own programs, proves them
// by restoring them, and puts one back. It decides nothing.
//
// Each is a job (package job) whose child is this binary again, `backout copy REQUEST`:
// it outlives Backout, ends at its deadline, and gets the database's address by its
// environment only. What a job did is told by what it left behind, never by its exit
// status alone: a copy by its folder, a restore by the names of the databases.
//
//	postgres.snapshot         a copy under a new name; a read, since nothing outside changes
//	postgres.verify_snapshot  restore a copy into a scratch database and compare it
//	postgres.restore          put a copy in the place of the database; Verifiable by its name
//	postgres.integrity        read: is the data sound
//
// A copy is a folder:
//
//	PROJECT-ENV-20261127T020000Z/manifest.json  what is in it, with a SHA-256 per file; written last
//	PROJECT-ENV-20261127T020000Z/data           what pg_dump -Fd wrote
//	PROJECT-ENV-20261127T020000Z/verified.json  how it was proven; none: nobody knows whether it can be read
//	PROJECT-ENV-20261127T020000Z.partial        not finished; the next run removes it
//
// Rows and checksums of every table are taken within the very snapshot that pg_dump
// reads, so they fit the copy exactly. Large objects are copied and not counted.
//
// A restore is made beside the database, counted, and then takes its name: both renames
// and the mark are one transaction of the server, so there is no moment between them
// that a crash could leave behind. The first rename keeps new sessions waiting, those
// that are there are ended. The old database is kept under another name and is never
// dropped. The mark is the comment of the database: it is written by whoever may rename
// it, also where schema backout may not be made in the database postgres.
//
// The role needs: to own the tables and the database, CREATEDB, and pg_signal_backend
// (or membership in the application's roles) to end sessions. The database must not be
// the only one, as on Supabase, where it is called postgres and cannot be renamed; there
// it is supabase.restore_pitr that goes back.
//
// Start reading at Run (run.go), what the child does; then take.go, prove.go, restore.go
// and switch.go. The actions are in snapshot.go, restoration.go and integrity.go, the
// schedule in source.go.
package copies
