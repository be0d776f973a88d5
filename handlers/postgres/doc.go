// Package postgres asks an application's database by read-only queries: each is a
// source that is polled, and the action postgres.query, a read for gates. A Switch is a
// row that switches a component, for the actions flag.off and flag.on (switch.go).
//
// It speaks to the databases of the configuration as database.evidence_url says and
// decides nothing: whether a value is bad is the threshold's business, in the fold.
// It also reads which migrations a database has (schema.go), and counts the rows that
// decide whether the code from before them could go on (rows.go).
// Every query runs in a read-only transaction on a connection of its own, bounded in
// time on both sides. Start reading at query.go.
//
// Set-up: give Backout a role of its own that may only read what the queries read.
//
//	create role backout_evidence login password '…' connection limit 5;
//	alter role backout_evidence set default_transaction_read_only = on;
//	grant usage on schema public to backout_evidence;
//	grant select on payments, _prisma_migrations to backout_evidence;
//
// Rows are counted in every table that a migration touches; without the right to select
// from one, the verdict is a person's. Use the database's own port (5432), not a pooler's, and sslmode=verify-full.
package postgres
