package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// alertLoad sends alerts as monitors do: each sender has environments of its own
// and sends one message after another.
type alertLoad struct {
	way     alertWay
	senders int
	// left is how many different alerts may still be sent; sent counts them by
	// environment, and each sender writes its own only.
	left  atomic.Int64
	sent  []int
	start time.Time
	// repeats counts what was sent although it had been before, refused the messages
	// that had to be sent again.
	repeats, refused atomic.Int64
}

// alertWay is a way in. It sends the alerts of an environment from first on, behind
// repeats of those from again on, and returns when all are taken; busy says that
// they are to be sent again.
type alertWay interface {
	send(ctx context.Context, m *alertMessage) (busy bool, err error)
	close()
}

// alertMessage is what one message says: fresh alerts of an environment from first
// on, and in front of them repeats of those from again on.
type alertMessage struct {
	load         *alertLoad
	env          int
	first, fresh int
	again        int
	// alone is set when there are no repeats.
	alone bool
	// body is kept for the next message.
	body []byte
}

// Messages that were not taken are sent again after retryAfter, at most retryMost
// times.
const (
	retryAfter = 200 * time.Millisecond
	retryMost  = 50
)

func newAlertLoad(way alertWay, senders, environments, most int) *alertLoad {
	l := &alertLoad{way: way, senders: senders, sent: make([]int, environments), start: time.Now()}
	l.left.Store(int64(most))
	return l
}

// drive sends until the time is over or the alerts are, and returns how many
// different ones were taken.
func (l *alertLoad) drive(ctx context.Context, until time.Time) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.way.close()
	var wg sync.WaitGroup
	failed := make(chan error, l.senders)
	for s := range l.senders {
		wg.Go(func() {
			if err := l.sender(ctx, s, until); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range l.sent {
		total += n
	}
	select {
	case err := <-failed:
		return 0, err
	default:
		return total, nil
	}
}

func (l *alertLoad) sender(ctx context.Context, s int, until time.Time) error {
	m := alertMessage{load: l}
	full := 0 // environments in a row that take no more
	for e := s; time.Now().Before(until) && full < len(l.sent); e += l.senders {
		if e >= len(l.sent) {
			e = s
		}
		room := min(ingestNew, ingestEach-l.sent[e])
		if room <= 0 {
			full++
			continue
		}
		full = 0
		fresh := min(room, int(l.left.Add(-int64(room)))+room)
		if fresh <= 0 {
			return nil
		}
		m.fill(e, l.sent[e], fresh)
		if err := l.deliver(ctx, &m); err != nil {
			return fmt.Errorf("sending alerts of %s: %w", benchEnvironment(e), err)
		}
		l.sent[e] += fresh
	}
	return nil
}

// fill makes it the message of the next fresh alerts behind those that were sent.
func (m *alertMessage) fill(env, sent, fresh int) {
	m.env, m.first, m.fresh, m.again = env, sent, fresh, max(0, sent-ingestNew)
}

// repeats is how many alerts stand in front that were sent before; in the first
// message of an environment they stand in it twice.
func (m *alertMessage) repeats() int {
	if m.alone {
		return 0
	}
	return ingestRepeats
}

// repeated is which alert stands at place i of the repeats.
func (m *alertMessage) repeated(i int) int { return m.again + i%m.fresh }

// deliver sends a message until it is taken.
func (l *alertLoad) deliver(ctx context.Context, m *alertMessage) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for range retryMost {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		busy, err := l.way.send(ctx, m)
		if err != nil {
			return err
		}
		if !busy {
			l.repeats.Add(int64(m.repeats()))
			return nil
		}
		l.refused.Add(1)
		pause.Reset(retryAfter)
	}
	return fmt.Errorf("the message was refused %d times: the log takes no more", retryMost)
}

// startsAt is when alert i began.
func (m *alertMessage) startsAt(i int) time.Time {
	return m.load.start.Add(time.Duration(i) * time.Millisecond).UTC()
}

// fingerprint is a hash in Alertmanager's messages, so it is spread over all
// numbers here too.
func (m *alertMessage) fingerprint(i int) string {
	mixed := (uint64(m.env)<<32 | uint64(i)) * 0x9E3779B97F4A7C15 // odd, so no two are alike
	text := strconv.FormatUint(mixed, 16)
	const zeros = "0000000000000000"
	return zeros[len(text):] + text
}
