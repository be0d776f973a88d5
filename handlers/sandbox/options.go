package sandbox

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"time"
)

// The unkind defaults: what a client must survive before it meets the real systems.
const (
	defaultJobDelay  = time.Second
	defaultMaxLag    = 2 * time.Second
	defaultErrorRate = 20
	kindJobDelay     = 20 * time.Millisecond
)

func (o Options) withDefaults() Options {
	o.Host = cmp.Or(o.Host, "127.0.0.1")
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Kind {
		o.JobDelay = cmp.Or(o.JobDelay, kindJobDelay)
		o.MaxLag = cmp.Or(o.MaxLag, -1)
		o.ErrorRate = cmp.Or(o.ErrorRate, -1)
	}
	o.JobDelay = cmp.Or(o.JobDelay, defaultJobDelay)
	o.MaxLag = max(0, cmp.Or(o.MaxLag, defaultMaxLag))
	o.ErrorRate = max(0, cmp.Or(o.ErrorRate, defaultErrorRate))
	return o
}
