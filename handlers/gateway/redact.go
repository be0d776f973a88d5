package gateway

import (
	"strings"
)

// mask stands where a secret stood.
const mask = "[masked]"

// maskPasses bounds how often a text is looked through: what stands around a
// masked secret can itself be one.
const maskPasses = 4

// Redact masks every secret that a text holds, see Mask.
func Redact(s string) string {
	s, _ = Mask(s)
	return s
}

// RedactBytes is Redact for a raw body. JSON stays JSON, except where a card
// number stood as a bare number.
func RedactBytes(b []byte) []byte {
	s, found := Mask(string(b))
	if !found {
		return b
	}
	return []byte(s)
}

// Mask replaces what looks like a credential by [masked] and reports whether it
// found one, so that the speaker can be told to rotate it. It knows keys of
// Stripe (sk_live_, rk_live_, whsec_), TossPayments (live_sk, test_sk), SendGrid
// (SG.), Supabase (sbp_), Slack (xox?-), GitHub (gh?_, github_pat_), JWTs (eyJ),
// passwords in URLs, Authorization headers, and card numbers by Luhn's check.
func Mask(s string) (string, bool) {
	found := false
	for range maskPasses {
		out, masked := maskOnce(s)
		if !masked {
			break
		}
		s, found = out, true
	}
	return s, found
}

func maskOnce(s string) (string, bool) {
	var b strings.Builder
	copied := 0
	for i := 0; i+1 < len(s); {
		if !begins(s[i], s[i+1]) {
			i++
			continue
		}
		start, end := secretAt(s, i)
		if end == 0 {
			i++
			continue
		}
		b.WriteString(s[copied:start])
		b.WriteString(mask)
		copied, i = end, end
	}
	if copied == 0 {
		return s, false
	}
	b.WriteString(s[copied:])
	return b.String(), true
}

// begins decides by two bytes whether a secret can begin there: nearly every
// text is free of secrets, and each one is looked through.
func begins(c, next byte) bool {
	switch c {
	case 's':
		return next == 'k' || next == 'b'
	case 'r':
		return next == 'k'
	case 'w':
		return next == 'h'
	case 'l':
		return next == 'i'
	case 't', 'B', 'b':
		return next|0x20 == 'e' || next|0x20 == 'a'
	case 'x':
		return next == 'o' || next == 'a'
	case 'g':
		return next == 'h' || next == 'i'
	case 'S':
		return next == 'G'
	case 'e':
		return next == 'y'
	case 'A', 'a':
		return next|0x20 == 'u'
	case ':':
		return next == '/' || next == '\\'
	}
	return '0' <= c && c <= '9'
}

// secretAt finds the secret that is recognised at i; end is 0 when there is none.
func secretAt(s string, i int) (start, end int) {
	switch c := s[i]; c {
	case 's':
		return key(s, i, "sk_live_", "sk_test_", "sbp_")
	case 'r':
		return key(s, i, "rk_live_", "rk_test_")
	case 'w':
		return key(s, i, "whsec_")
	case 'l':
		return key(s, i, "live_sk_", "live_gsk_")
	case 't':
		return key(s, i, "test_sk_", "test_gsk_")
	case 'x':
		return key(s, i, "xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-")
	case 'g':
		return key(s, i, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
	case 'S', 'e':
		return dotted(s, i)
	case 'A', 'a':
		return header(s, i, "authorization")
	case 'B', 'b':
		if start, end = header(s, i, "backout-token"); end == 0 {
			start, end = bearerToken(s, i)
		}
		return start, end
	case ':':
		return urlPassword(s, i)
	default:
		if '0' <= c && c <= '9' {
			return card(s, i)
		}
	}
	return 0, 0
}
