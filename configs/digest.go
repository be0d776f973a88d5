package configs

import "time"

// noDigest is written where nobody wants the daily digest.
const noDigest = "none"

// DigestAt is how long after midnight the daily digest is told; false when it is not.
func (in *Instance) DigestAt() (time.Duration, bool) {
	at, err := time.Parse("15:04", in.Digest)
	if err != nil {
		return 0, false
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, true
}
