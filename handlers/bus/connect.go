package bus

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// clientOptions make a hung server noticed within seconds: the library's default
// is four minutes.
func clientOptions() []nats.Option {
	return []nats.Option{
		nats.Name("backout"), nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.Timeout(5 * time.Second),
	}
}

// Connect connects to an external NATS server. User and password may be empty
// when the URL carries them.
func Connect(url, user, password string) (*nats.Conn, error) {
	opts := append(clientOptions(), nats.RetryOnFailedConnect(false))
	if user != "" {
		opts = append(opts, nats.UserInfo(user, password))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w; check --nats-url and the user's password", err)
	}
	return nc, nil
}
