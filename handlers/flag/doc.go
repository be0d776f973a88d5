// Package flag owns the actions flag.off and flag.on: they switch components of a
// project off without a deployment, and on again. What a component's switch is stands in
// the configuration; each kind of switch is a Switch, of which this package has the one
// that speaks HTTP to a service of the user's own (http.go), Vercel's and the database's
// are their handlers'.
//
// A switch is read before it is set and read back after it: setting it twice changes
// nothing, so a lost answer is looked into and never guessed. Where a proof is
// configured, the site itself must show it as well. Start reading at flag.go.
package flag
