// Package repair puts back exactly the wrong rows of a table, with the values that a copy
// has of them, and leaves everything else as it is. It decides nothing.
//
//	postgres.compare  restore the newest verified copy from before a moment into a scratch
//	                  database beside production and tell what differs, table by table
//	postgres.stage    write down in the scratch database which rows would be put back
//	postgres.repair   put them back; Verifiable by its mark and its staging table
//
// Each is a job (package job) whose child is this binary again, `backout repair REQUEST`,
// so that it outlives Backout. The first two are reads: production is only read, what
// they write is in the scratch database. Nothing is written to production before two
// people have said yes to the rows that are staged, by their number, their checksum and
// the statement.
//
// Rows are matched by the primary key and compared by their text, column by column: both
// sides are read in the order of the key, each on a connection of its own, and merged.
// So a table needs a primary key, and a column the same type on both sides. What is new
// since the copy has no old value and is left alone; what was deleted stays deleted.
//
// postgres.repair copies the staged rows into backout.repair_… of production and then
// works in batches, each one transaction: a row is written only while each of its columns
// still has the value that was seen, and is ticked off in the same transaction. So a
// batch is in force as a whole or not at all, none is applied twice, and a run that was
// killed goes on where it ended. Rows that somebody changed meanwhile are counted and
// left.
//
// Triggers of the table fire, as for any UPDATE: one that keeps a time of the last change
// sets it, one that undoes the change leaves the row as it was, which is counted as left.
// Switching them off would need a superuser and would leave out what they guard. The
// session writes dates, times and floats in PostgreSQL's own style and in UTC; a trigger
// that makes a text of one sees that.
//
// The condition that chooses rows is SQL over the row of production. It runs as the role
// of direct_url in a transaction that only reads, must be one expression, and is shown to
// those who approve.
//
// A partition is a table of its own here: name it, not the table it is a part of.
//
// Scratch databases are called backout_compare_…; the next comparison drops those older
// than seven days, and staging tables of repairs that ended as long ago. Until then they
// stay, so that people can look.
//
// The role of direct_url owns the tables, and has CREATEDB, and CREATE on the database for
// schema backout. Start reading at Run (run.go); then compare.go, stage.go and apply.go.
// The actions are in comparing.go, staging.go and repairing.go.
package repair
