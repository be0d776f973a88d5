// Package console is how people and programs read Backout and speak to it over
// HTTP: the API under /api/v1, the health and metrics pages, and the public
// status page.
//
// It owns no state and decides nothing: reads come from the store, words go to
// the one command parser and from there to the fold. Start reading at api.go;
// incident.go is the shape of an incident outside; status.go the public page.
package console
