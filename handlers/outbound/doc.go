// Package outbound is the one HTTP client every handler calls its outside system
// with. It owns the limits of a call (time, size of the answer, repeats of reads),
// the dialer that keeps a configured or redirected address from reaching into the
// private network, and the answer to the one question an effect hangs on: had the
// request left when it failed? It knows no outside system and decides nothing: what
// an answer means is the handler's to say, in the words of refusal.go.
//
// Start reading at New and Client.Do (client.go); transport.go is what an SDK gets
// too, through Client.HTTP.
package outbound
