package gateway

import "strings"

// Lengths, in bytes, from which on a word after a prefix is taken for a key:
// short at the beginning of a word, long inside one ("risk_live_view" is none).
const (
	keyMin       = 4
	keyMinInside = 20
	dottedMin    = 12
	bearerMin    = 16
)

// key recognises a prefix and the word behind it.
func key(s string, i int, prefixes ...string) (start, end int) {
	for _, prefix := range prefixes {
		if !strings.HasPrefix(s[i:], prefix) {
			continue
		}
		from := i + len(prefix)
		if !wordStart(s, i) {
			if span(s, from, isAlnum)-from < keyMinInside {
				return 0, 0
			}
		}
		end = span(s, from, isKeyByte)
		if end-from < keyMin {
			return 0, 0
		}
		return i, end
	}
	return 0, 0
}

// dotted recognises SendGrid's keys (SG.id.secret) and JWTs (eyJ...).
func dotted(s string, i int) (start, end int) {
	if !strings.HasPrefix(s[i:], "SG.") && !strings.HasPrefix(s[i:], "eyJ") || !wordStart(s, i) {
		return 0, 0
	}
	end = span(s, i, func(c byte) bool { return isKeyByte(c) || c == '.' })
	for end > i && s[end-1] == '.' {
		end--
	}
	parts := strings.Count(s[i:end], ".")
	if end-i < dottedMin && parts < 2 {
		return 0, 0
	}
	return i, end
}

// bearerToken recognises "Bearer TOKEN" without the header's name. A word
// without a digit is prose.
func bearerToken(s string, i int) (start, end int) {
	const scheme = "bearer "
	if !foldPrefix(s[i:], scheme) || !wordStart(s, i) {
		return 0, 0
	}
	from := i + len(scheme)
	end = span(s, from, isTokenByte)
	if end-from < bearerMin || !strings.ContainsAny(s[from:end], "0123456789") {
		return 0, 0
	}
	return from, end
}

// wordStart reports whether no letter or digit stands right before i. An escape
// (\n, \u003c, %3D) is no letter.
func wordStart(s string, i int) bool {
	switch {
	case i == 0 || !isAlnum(s[i-1]):
		return true
	case i >= 2 && s[i-2] == '\\':
		return true
	case i >= 3 && s[i-3] == '%' && isHex(s[i-2]) && isHex(s[i-1]):
		return true
	case i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' && span(s[:i], i-4, isHex) == i:
		return true
	}
	return false
}

// span is the end of the run of bytes that fit, from a position on.
func span(s string, from int, fits func(byte) bool) int {
	for from < len(s) && fits(s[from]) {
		from++
	}
	return from
}

// foldPrefix is HasPrefix without regard to case; prefix is lower case.
func foldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isKeyByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' }

// isTokenByte is RFC 6750's b64token.
func isTokenByte(c byte) bool {
	return isKeyByte(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '='
}
