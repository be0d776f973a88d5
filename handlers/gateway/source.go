package gateway

import (
	"fmt"
	"slices"
	"time"
)

// The senders there is a decoder for.
const (
	sourceAlertmanager = "alertmanager"
	sourceEvents       = "events"
	sourceGrafana      = "grafana"
	sourceSentry       = "sentry"
	sourceStripe       = "stripe"
	sourceToss         = "toss"
	sourceUptimeRobot  = "uptimerobot"
	sourceVercel       = "vercel"
)

// How a sender proves who it is.
const (
	// AuthHMAC checks a signature of the raw body, in the header and by the
	// algorithm of its source (see signatureOf).
	AuthHMAC = "hmac"
	// AuthBearer checks `Authorization: Bearer SECRET`.
	AuthBearer = "bearer"
	// AuthBasic checks `Authorization: Basic`; its secrets are user:password.
	AuthBasic = "basic"
	// AuthPathSecret checks the last part of /hooks/SOURCE/SECRET.
	AuthPathSecret = "path_secret"
	// AuthNone checks nothing. Its events are marked as unsigned.
	AuthNone = "none"
)

// Source is a sender at /hooks/NAME.
type Source struct {
	Name string
	Auth string
	// Secrets are all accepted, so that one can be replaced without a gap.
	Secrets []string
	// SigningKeys check what a sender signs although it proves itself otherwise:
	// Toss signs events about payouts and sellers, and none about payments.
	SigningKeys []string
	// Project, when set, is the only project this source may speak for.
	Project string
}

// patience is how long the source waits for an answer.
func (s Source) patience() time.Duration {
	switch s.Name {
	case sourceSentry:
		return sentryWait
	case sourceToss:
		return tossWait
	}
	return appendWait
}

// kept is what may be kept of a body that could not be read: nothing of a payment
// provider's, which would be the customers'.
func (s Source) kept(body []byte) []byte {
	if s.Name == sourceStripe || s.Name == sourceToss {
		return nil
	}
	return body
}

// check refuses a source that could not be verified.
func (s Source) check(o Options) error {
	if slices.Contains(s.Secrets, "") {
		return fmt.Errorf("source %s has an empty secret; set it or take it out", s.Name)
	}
	switch s.Auth {
	case AuthNone:
		if !o.Loopback {
			return fmt.Errorf("source %s has auth none, which is allowed on a loopback listener only; choose hmac, bearer, basic or path_secret", s.Name)
		}
		return nil
	case AuthHMAC, AuthBearer, AuthBasic, AuthPathSecret:
		byToken := s.Name == sourceEvents && s.Auth == AuthBearer && o.Tokens != nil
		if len(s.Secrets) == 0 && !byToken {
			return fmt.Errorf("source %s has auth %s but no secret", s.Name, s.Auth)
		}
		return nil
	}
	return fmt.Errorf("source %s has auth %q; known are hmac, bearer, basic, path_secret and none", s.Name, s.Auth)
}
