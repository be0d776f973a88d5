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
	sourceGitHub       = "github"
	sourceGrafana      = "grafana"
	sourcePagerDuty    = "pagerduty"
	sourceSendGrid     = "sendgrid"
	sourceSentry       = "sentry"
	sourceStripe       = "stripe"
	sourceToss         = "toss"
	sourceUptimeRobot  = "uptimerobot"
	sourceVercel       = "vercel"
	sourceVercelDrain  = "vercel-drain"
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
	// AuthECDSA checks SendGrid's signature of time and raw body; its secrets are
	// public keys.
	AuthECDSA = "ecdsa"
	// AuthRoutingKey checks the member routing_key of the body, as PagerDuty does.
	AuthRoutingKey = "routing_key"
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
	// Verify is the value of the header x-vercel-verify, for a drain.
	Verify string
}

// patience is how long the source waits for an answer.
func (s Source) patience() time.Duration {
	switch s.Name {
	case sourceGitHub:
		return gitHubWait
	case sourceSentry:
		return sentryWait
	case sourceToss:
		return tossWait
	}
	return appendWait
}

// kept is what may be kept of a body that cannot be read: nothing where it may hold
// a secret that no pattern knows or what is the customers' of a payment provider, and
// no addresses of users.
func (s Source) kept(body []byte) []byte {
	switch s.Name {
	case sourceGitHub, sourcePagerDuty, sourceStripe, sourceToss, sourceVercelDrain:
		return nil
	case sourceSendGrid:
		return maskAddresses(body)
	}
	return body
}

// Check says what is wrong with a source before a listener is there; loopback as in
// Options.
func Check(s Source, loopback bool) error { return s.check(Options{Loopback: loopback}) }

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
	case AuthHMAC, AuthBearer, AuthBasic, AuthPathSecret, AuthECDSA, AuthRoutingKey:
		byToken := s.Name == sourceEvents && s.Auth == AuthBearer && o.Tokens != nil
		if len(s.Secrets) == 0 && !byToken {
			return fmt.Errorf("source %s has auth %s but no secret", s.Name, s.Auth)
		}
		return s.checkKeys()
	}
	return fmt.Errorf("source %s has auth %q; known are hmac, bearer, basic, path_secret, ecdsa, routing_key and none", s.Name, s.Auth)
}

// checkKeys refuses a public key that could verify nothing.
func (s Source) checkKeys() error {
	if s.Auth != AuthECDSA {
		return nil
	}
	for _, secret := range s.Secrets {
		if _, err := mailKey(secret); err != nil {
			return fmt.Errorf("source %s: %w", s.Name, err)
		}
	}
	return nil
}
