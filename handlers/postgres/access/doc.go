// Package access takes the right to write from the roles an application connects as, and
// gives back exactly what it took.
//
//	postgres.readonly   record the grants, revoke them, end the sessions, prove it
//	postgres.readwrite  give back what was recorded, and prove that writes go through
//
// It owns what a grant is and the record of what was taken, in schema backout of the
// database itself: a Backout on another machine finds it there. It decides nothing.
//
// What holds is the missing right, not a setting: a session may switch
// default_transaction_read_only off, so that is only set as well, as a seat belt. A role
// that owns tables, is a superuser, or may become such a role gives itself every right
// back: it is refused, with what to do instead.
//
//	database: {direct_url: env:DIRECT_URL, app_roles: [shop_app]}
//
// Record, revocation and mark are one transaction, and what is left of a right is looked
// for before it commits: read-only is in force as a whole or not at all. A second
// postgres.readonly adopts the record that is there. A copy knows nothing of it: Carry
// takes the rights in a restored database as well, under the same record, before it takes
// the place of the one of now. Start reading at readonly.Do.
package access
