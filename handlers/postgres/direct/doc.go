// Package direct is the connection of a role that may change a database: the owner of
// its tables, on PostgreSQL's own port and never through a transaction pooler. What
// dumps, restores, bars and repairs speaks through it.
//
// It owns how such a connection is made and bounded, what of an error may be told, and
// the marks that effects leave behind (mark.go), by which a later look finds what an
// effect did. It decides nothing. Start reading at Parse.
package direct
