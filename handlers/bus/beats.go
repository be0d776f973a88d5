package bus

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// subjectBeats carries the heartbeats of instances; it is kept nowhere.
const subjectBeats = "backout.beat"

// Beat sends a heartbeat to the other instances.
func (b *Bus) Beat(data []byte) error {
	if err := b.nc.Publish(subjectBeats, data); err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}
	return nil
}

// Beats calls fn for every heartbeat of another instance, until stop.
func (b *Bus) Beats(fn func(data []byte)) (stop func(), err error) {
	sub, err := b.nc.Subscribe(subjectBeats, func(m *nats.Msg) { fn(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("listening for heartbeats: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// LogBell rings when another instance published something to the log, perhaps a
// moment before it can be read. The channel holds one ring. stop ends it.
func (b *Bus) LogBell() (rings <-chan struct{}, stop func(), err error) {
	ch := make(chan struct{}, 1)
	sub, err := b.nc.Subscribe("backout.log.>", ring(ch))
	if err != nil {
		return nil, nil, fmt.Errorf("listening for entries: %w", err)
	}
	return ch, func() { _ = sub.Unsubscribe() }, nil
}
