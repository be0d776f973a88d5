// Package configs owns the shape of backout.yaml and people.yaml: it reads them,
// checks them, finds the secrets they name, and turns them into the document the
// fold works with. The commented examples beside it are loaded by its tests.
//
// It must not act on what it reads: no connection is made here, and no secret
// ever leaves through an error, a log line, JSON or the document.
//
// Start reading at config.go, which is the file's shape; load.go goes from a
// path to a checked Config; reader.go takes the YAML tree apart and remembers
// where everything stood; validate*.go hold the rules, each a few lines;
// secret.go and document.go are the two ways out. nats-server.conf is the
// server that docker-compose.yml runs with compose-backout.yaml.
package configs
