package configs

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

const idFix = "write a lower-case id such as shop or checkout-card: a letter, then letters, digits and hyphens, 63 at most"

func isID(text string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`).MatchString(text)
}

// ID makes an id of a name, the nearest that a file may have; empty when nothing of
// it can stay.
func ID(name string) string {
	words := regexp.MustCompile(`[a-z0-9]+`).FindAllString(strings.ToLower(name), -1)
	id := strings.TrimLeft(strings.Join(words, "-"), "-0123456789")
	return strings.TrimRight(id[:min(len(id), 63)], "-")
}

// isName is an id that is used inside expressions, where a hyphen is a minus.
func isName(text string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`).MatchString(text)
}

// isVariable is a name of an environment variable.
func isVariable(text string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`).MatchString(text)
}

func isEmail(text string) bool {
	addr, err := mail.ParseAddress(text)
	return err == nil && addr.Address == text && addr.Name == ""
}

// isHost takes a host name or address in its canonical form, with a port if any.
func isHost(text string) bool {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if !isPort(port) {
			return false
		}
		host = h
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String() == host
	}
	if len(host) > 253 {
		return false
	}
	label := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	for part := range strings.SplitSeq(host, ".") {
		if !label.MatchString(part) {
			return false
		}
	}
	return host != ""
}

func isPort(text string) bool {
	return regexp.MustCompile(`^([0-9]|[1-9][0-9]{1,4})$`).MatchString(text) && (len(text) < 5 || text <= "65535")
}

// isListen takes HOST:PORT; port 0 lets the system choose.
func isListen(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && isPort(port) && (host == "" || isHost(host))
}

// isLoopback reports whether only this machine can reach the listener.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

// parseURL takes an absolute http or https address that carries no credentials.
func parseURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || !isHost(strings.ToLower(u.Host)) {
		return nil, false
	}
	return u, u.Scheme == "https" || u.Scheme == "http"
}
