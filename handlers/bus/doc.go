// Package bus is everything Backout knows about NATS: the embedded server, the
// connection, the log stream, the inbox stream that publishers write to, the
// command requests, and the blobs.
//
// It decides nothing and reads no event: package gateway decodes what publishers send.
// Start reading at Open (streams.go); server.go is the embedded server, connect.go the
// way to one outside, log.go and inbox.go append and read.
package bus
