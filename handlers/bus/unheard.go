package bus

import (
	"sync"
	"time"
)

// unheardFor is how long appends may go unanswered before another server is tried:
// one that is cut off from its cluster keeps its clients and answers nothing.
const unheardFor = 4 * time.Second

// unheard notices that nothing is answered any more although the connection
// stands. Safe for concurrent use.
type unheard struct {
	mu    sync.Mutex
	since time.Time
}

// heard notes an answer, whatever it was.
func (u *unheard) heard() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.since = time.Time{}
}

// missed notes that an answer did not come, and reports whether it is time to try
// another server.
func (u *unheard) missed(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.since.IsZero() {
		u.since = now
	}
	if now.Sub(u.since) < unheardFor {
		return false
	}
	u.since = now
	return true
}
