package main

import (
	"testing"
	"time"
)

// The digest of a day is due from its hour on, in the time zone of the installation;
// before that the one of the day before still is.
func TestDigest_due(t *testing.T) {
	t.Parallel()
	seoul := must(time.LoadLocation("Asia/Seoul"))(t)
	for at, want := range map[string]string{
		"2026-11-24T08:59:59+09:00": "2026-11-23",
		"2026-11-24T09:00:00+09:00": "2026-11-24",
		"2026-11-24T23:59:00+09:00": "2026-11-24",
		"2026-11-25T00:00:00+09:00": "2026-11-24",
		"2026-11-23T23:30:00Z":      "2026-11-23", // half past eight there
	} {
		now := must(time.Parse(time.RFC3339, at))(t).In(seoul)
		if got := digestDue(now, 9*time.Hour)[0].Digest.Day; got != want {
			t.Errorf("at %s the digest of %s is due, want %s", at, got, want)
		}
	}
}
