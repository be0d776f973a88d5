package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// What is kept of raw bodies, of each source in an hour, and how large one may be, in
// bytes: a night's storm must not fill the disk with what says the same again. rawWait
// is how long a sender may wait for it.
const (
	rawBodies = 120
	rawBytes  = 1 << 20
	rawOver   = 256 << 10
	rawHour   = time.Hour
	rawWait   = 2 * time.Second
)

// rawBudget is what was kept of each source in this hour. It is safe for concurrent use.
type rawBudget struct {
	mu   sync.Mutex
	used map[string]rawUse
}

type rawUse struct {
	since  time.Time
	bodies int
	bytes  int
}

// take reports whether one more body may be kept, and counts it.
func (b *rawBudget) take(source string, size int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	use := b.used[source]
	if now.Sub(use.since) >= rawHour {
		use = rawUse{since: now}
	}
	if size > rawOver || use.bodies >= rawBodies || use.bytes+size > rawBytes {
		return false
	}
	use.bodies, use.bytes = use.bodies+1, use.bytes+size
	if b.used == nil {
		b.used = map[string]rawUse{}
	}
	b.used[source] = use
	return true
}

// keepsRaw: whose bodies are kept although the record says what counts, because they
// say more that helps to look for a cause. Those of payment providers, mail, GitHub and
// log drains are never kept; Sentry's tell of users, and its link leads to them; a
// CloudEvent is kept when it has members that a record has no place for.
func (s Source) keepsRaw() bool {
	switch s.Name {
	case sourceAlertmanager, sourceGrafana, sourcePagerDuty, sourceUptimeRobot, sourceVercel:
		return true
	}
	return false
}

// rawOf is the redacted body of a delivery of alerts, nil when it is not kept; the
// alerts name it by its hash from now on.
func (g *Gateway) rawOf(s Source, d *Delivery, decoded *Decoded) []byte {
	if !s.keepsRaw() || !decoded.bareAlerts() || !g.raw.take(s.Name, len(d.Body), g.opt.Now()) {
		return nil
	}
	body := RedactBytes(d.Body)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	for i := range decoded.Items {
		if it := &decoded.Items[i]; it.bareAlert() {
			it.SetBlob(hash)
		}
	}
	return body
}

// bareAlerts reports whether there is such an alert.
func (d *Decoded) bareAlerts() bool {
	for i := range d.Items {
		if d.Items[i].bareAlert() {
			return true
		}
	}
	return false
}

// bareAlert: an alert of which no body is kept yet.
func (it *Item) bareAlert() bool {
	ev := it.Record.Event
	return ev != nil && it.Keep == nil && (ev.Type == orchestrator.AlertFiring || ev.Type == orchestrator.AlertResolved)
}

// keepRaw puts the body aside after the log has its alerts: they act at once and do not
// hang on it. When that fails, or the process dies before, the body is missing and
// whoever asks for it is told.
func (g *Gateway) keepRaw(ctx context.Context, s Source, body []byte) {
	if body == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rawWait)
	defer cancel()
	if _, err := g.opt.PutBlob(ctx, body); err != nil {
		g.opt.Logger.WarnContext(ctx, "the raw body of a delivery could not be kept; its alerts are", "source", s.Name, "error", err)
	}
}
