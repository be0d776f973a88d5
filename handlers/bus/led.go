package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ledWait is how long a cluster may take to agree on who leads it: an election
	// takes some seconds, a server that was cut off some more to be heard again. A
	// request that was on its way when a leader went is never answered, so each try is
	// given up after ledTry.
	ledWait = 45 * time.Second
	ledTry  = 10 * time.Second
	ledEach = 250 * time.Millisecond

	// noLeader is JSClusterNotAvailErr of nats-server's errors.json: "JetStream
	// system temporarily unavailable".
	noLeader jetstream.ErrorCode = 10008
)

// onceLed does what needs a leader of the cluster, and again while there is none,
// for up to ledWait.
func (b *Bus) onceLed(ctx context.Context, do func(context.Context) error) error {
	for until := time.Now().Add(ledWait); ; {
		err := within(ctx, do)
		if err == nil || !leaderless(err) || !b.clustered() || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(ledEach):
		}
	}
}

func within(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, ledTry)
	defer cancel()
	return do(ctx)
}

func (b *Bus) clustered() bool { return Clustered(b.nc) }

// leaderless reports that nobody could answer for the cluster just now: it says so,
// or the request went unheard because the server that led is gone.
func leaderless(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode == noLeader
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoStreamResponse)
}
