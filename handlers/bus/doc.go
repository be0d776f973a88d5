// Package bus is everything Backout knows about NATS: the embedded server, the
// connection, the log stream, the inbox stream that publishers write to, the
// command requests, and the blobs.
//
// It decides nothing and understands no event beyond its CloudEvents envelope.
// Start reading at server.go (embedded), connect.go, log.go and inbox.go.
package bus
