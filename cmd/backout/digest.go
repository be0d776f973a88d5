package main

import (
	"context"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
)

// addDigest adds the source that says when the hour of the daily digest has come, in
// the time zone of the installation.
func (s *actionSet) addDigest(cfg *configs.Config) {
	at, ok := cfg.Instance.DigestAt()
	if !ok || cfg.Providers.Slack == nil {
		return
	}
	zone := location(cfg.Instance.Timezone)
	s.sources = append(s.sources, &polled{name: "digest", every: time.Minute, poll: func(context.Context) ([]orchestrator.Record, error) {
		return digestDue(time.Now().In(zone), at), nil
	}})
}

// digestDue is the record of today once its hour has come; the log takes one a day.
func digestDue(now time.Time, at time.Duration) []orchestrator.Record {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if now.Before(midnight.Add(at)) {
		now = now.AddDate(0, 0, -1)
	}
	return []orchestrator.Record{{Digest: &orchestrator.DigestDue{Day: now.Format(time.DateOnly)}}}
}
