package engine

import (
	"testing"
	"time"
)

// setClock is a machine whose clocks a test sets.
type setClock struct {
	wall       time.Time
	mono, boot time.Duration
}

func (c *setClock) Now() time.Time           { return c.wall }
func (c *setClock) Monotonic() time.Duration { return c.mono }
func (c *setClock) SinceBoot() time.Duration { return c.boot }

func (c *setClock) pass(d time.Duration) {
	c.mono += d
	c.sleep(d)
}

// sleep lets time pass while the machine is suspended.
func (c *setClock) sleep(d time.Duration) {
	c.wall = c.wall.Add(d)
	c.boot += d
}

func TestClockGuard(t *testing.T) {
	t.Parallel()
	begin := func() (*setClock, *clockGuard) {
		c := &setClock{wall: time.Now(), boot: time.Hour}
		return c, newClockGuard(c)
	}
	old := time.Now().Add(-time.Hour)
	t.Run("time passes", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		for range 100 {
			c.pass(10 * time.Minute)
			if got := g.look(old); got != steady {
				t.Fatalf("verdict %d", got)
			}
		}
	})
	t.Run("set forward", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		c.pass(time.Second)
		c.wall = c.wall.Add(time.Hour)
		if got := g.look(old); got != jumped || g.delta < 59*time.Minute {
			t.Fatalf("verdict %d by %s", got, g.delta)
		}
		if d := g.now().Sub(c.Now()); d > -59*time.Minute {
			t.Fatalf("entries get a time that is off by %s", d)
		}
		g.accept()
		if got := g.look(old); got != steady || g.now() != c.Now() {
			t.Fatalf("verdict %d after it was accepted", got)
		}
	})
	t.Run("suspended", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		c.sleep(8 * time.Hour)
		if got := g.look(old); got != slept {
			t.Fatalf("verdict %d", got)
		}
		if got := g.look(old); got != steady {
			t.Fatalf("verdict %d afterwards", got)
		}
	})
	t.Run("set back", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		c.pass(time.Second)
		c.wall = c.wall.Add(-10 * time.Minute)
		if got := g.look(old); got != jumped || g.delta > -9*time.Minute {
			t.Fatalf("verdict %d by %s", got, g.delta)
		}
	})
	t.Run("a small correction", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		c.wall = c.wall.Add(30 * time.Second)
		if got := g.look(old); got != steady {
			t.Fatalf("verdict %d", got)
		}
	})
	t.Run("entries ahead of this clock", func(t *testing.T) {
		t.Parallel()
		c, g := begin()
		if got := g.look(c.Now().Add(time.Hour)); got != jumped || g.delta > -59*time.Minute {
			t.Fatalf("verdict %d by %s", got, g.delta)
		}
	})
}
