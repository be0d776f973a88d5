package gateway

import "strings"

// header recognises the value of a header by the header's name, as text
// ("Authorization: Bearer x") and in JSON ("authorization":["Bearer x"]). Only
// the value is masked.
func header(s string, i int, name string) (start, end int) {
	if !foldPrefix(s[i:], name) || !wordStart(s, i) {
		return 0, 0
	}
	from := i + len(name)
	start = span(s, from, func(c byte) bool { return strings.IndexByte(" \t\"'\\:=[", c) >= 0 })
	if !strings.ContainsAny(s[from:start], ":=") {
		return 0, 0
	}
	end = credentials(s, start)
	if end == start || strings.HasSuffix(s[:start], "[") && strings.HasPrefix(s[start-1:], mask) {
		return 0, 0
	}
	return start, end
}

// credentials is the end of a header's value: one word, a scheme and its word,
// or for schemes with parameters the rest of the line.
func credentials(s string, from int) int {
	end := span(s, from, isCredential)
	scheme := strings.ToLower(s[from:end])
	if end == len(s) || s[end] != ' ' {
		return end
	}
	switch scheme {
	case "bearer", "basic", "token", "apikey", "negotiate", "key":
		return span(s, span(s, end, isBlank), isCredential)
	case "digest", "hmac", "hawk", "signature", "oauth", "aws4-hmac-sha256":
		return span(s, end, func(c byte) bool { return c != '\n' && c != '\r' && c != '\\' })
	}
	return end
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isCredential(c byte) bool { return c > ' ' && strings.IndexByte(`"'\,;[]<>`, c) < 0 }

// maxAuthority bounds how far a URL is looked through for its password, so that a
// hostile megabyte costs no more than a friendly one.
const maxAuthority = 1024

// urlPassword recognises SCHEME://USER:PASSWORD@HOST, also with the slashes
// escaped as JSON allows; the password alone is masked.
func urlPassword(s string, i int) (start, end int) {
	from := 0
	for _, slashes := range []string{"://", `:\/\/`} {
		if strings.HasPrefix(s[i:], slashes) {
			from = i + len(slashes)
		}
	}
	if from == 0 || i == 0 || !isAlnum(s[i-1]) {
		return 0, 0
	}
	rest := s[from:span(s[:min(len(s), from+maxAuthority)], from, isURLByte)]
	user, _, found := strings.Cut(rest, ":")
	if !found || strings.ContainsAny(user, "/?#@") {
		return 0, 0
	}
	start = from + len(user) + 1
	end = from + passwordEnd(rest, len(user)+1)
	if end <= start || s[start:end] == mask {
		return 0, 0
	}
	return start, end
}

// passwordEnd finds the @ before the host. A password may itself hold a slash,
// unless what precedes the slash is a port.
func passwordEnd(rest string, from int) int {
	authority := rest
	if cut := strings.IndexAny(rest[from:], "/?#"); cut >= 0 {
		authority = rest[:from+cut]
	}
	if at := strings.LastIndexByte(authority[from:], '@'); at >= 0 {
		return from + at
	}
	if span(authority, from, isDigit) == len(authority) {
		return 0
	}
	if at := strings.IndexByte(rest[from:], '@'); at >= 0 {
		return from + at
	}
	return 0
}

func isURLByte(c byte) bool { return c > ' ' && c != '"' && c != '\'' && c != '<' && c != '>' }
