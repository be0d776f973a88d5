// Package sentry counts what Sentry knows of a release: the read action sentry.stats, for
// watches of promotions and gates of playbooks. What Sentry sends by itself comes in
// through package gateway.
//
// It asks three things of the web API (sentry.io, a region such as de.sentry.io, or a
// server of one's own): does it know the release, how many error events of it came since a
// time, and how many issues were first seen in it. It decides nothing. A release that
// Sentry does not know is no data: not one error of it is no proof that it is well.
// Start reading at stats.go.
//
// Set-up: an internal integration, or a token, with the scopes org:read, project:read
// (releases) and event:read.
package sentry
