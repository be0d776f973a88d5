package bus

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// clientOptions make a hung server noticed within seconds: the library's default
// is four minutes.
func clientOptions() []nats.Option {
	return []nats.Option{
		nats.Name("backout"), nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.Timeout(2 * time.Second),
		nats.ReconnectBufSize(-1), // what was not sent is not sent when the server is back: it may be too late by then
		nats.NoEcho(),             // bells and heartbeats are about others
		// A server that hung says late that a login took too long; twice from the same
		// one, and the library would give the connection up for good.
		nats.IgnoreAuthErrorAbort(),
	}
}

// Credentials are who the engine is at an external NATS server: a user with a
// password, or the content of a credentials file. They may be empty when the URL
// carries them.
type Credentials struct {
	User, Password, File string
}

// withoutLogin is what may be said of the addresses of a server, or of several joined by
// commas.
func withoutLogin(addresses string) string {
	all := strings.Split(addresses, ",")
	for i, one := range all {
		if at := strings.LastIndex(one, "@"); at >= 0 {
			scheme, _, _ := strings.Cut(one, "//")
			all[i] = scheme + "//" + one[at+1:]
		}
	}
	return strings.Join(all, ",")
}

// Connect connects to an external NATS server.
func Connect(url string, who Credentials) (*nats.Conn, error) {
	opts := append(clientOptions(), nats.RetryOnFailedConnect(false))
	if who.User != "" {
		opts = append(opts, nats.UserInfo(who.User, who.Password))
	}
	if who.File != "" {
		opts = append(opts, nats.UserCredentialBytes([]byte(who.File)))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the NATS server %s: %w; is it a NATS server, is it running, does it know this user? It is named by --nats-url or nats.url", withoutLogin(url), err)
	}
	return nc, nil
}
