package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrPrivate is the cause of a call that was not made because it leads inward.
var ErrPrivate = errors.New("a handler goes there only when the configuration lists it")

const dialTimeout = 5 * time.Second

// guard dials, but only where a handler may go. It looks at the address after
// resolution, so a public name that points inward is refused as well.
type guard struct {
	networks []netip.Prefix
	hosts    []string // host:port as configured
}

func newGuard(allow []string) (*guard, error) {
	g := &guard{}
	for _, entry := range allow {
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			g.networks = append(g.networks, prefix.Masked())
			continue
		}
		if addr, err := netip.ParseAddr(entry); err == nil {
			g.networks = append(g.networks, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		if host, port, err := net.SplitHostPort(entry); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("allowed private address %q: write a network (10.1.0.0/16), an address or host:port", entry)
		}
		g.hosts = append(g.hosts, entry)
	}
	return g, nil
}

// Dialer dials for a client that is not HTTP, with the same limits: it reaches nothing
// private but what allow lists, see Options.AllowPrivate.
func Dialer(allow []string) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	g, err := newGuard(allow)
	if err != nil {
		return nil, err
	}
	return g.dial, nil
}

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if !slices.Contains(g.hosts, address) {
		d.ControlContext = g.check
	}
	return d.DialContext(ctx, network, address)
}

// check is called with the resolved address, before anything is sent to it.
func (g *guard) check(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	ip := to.Addr().Unmap()
	if !inward(ip) || slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	return fmt.Errorf("%s is a private address: %w", ip, ErrPrivate)
}

// inward tells whether an address leads to this machine, this network or nowhere.
func inward(ip netip.Addr) bool {
	special := []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),  // carriers' own (RFC 6598)
		netip.MustParsePrefix("192.0.0.0/24"),   // protocols' own (RFC 6890)
		netip.MustParsePrefix("198.18.0.0/15"),  // measuring inside a network (RFC 2544)
		netip.MustParsePrefix("240.0.0.0/4"),    // nobody's (RFC 1112)
		netip.MustParsePrefix("::/96"),          // IPv4 inside IPv6: the old way (RFC 4291)
		netip.MustParsePrefix("64:ff9b::/96"),   // and by a translator (RFC 6052)
		netip.MustParsePrefix("64:ff9b:1::/48"), // of this network (RFC 8215)
		netip.MustParsePrefix("2002::/16"),      // and through a tunnel (RFC 3056)
		netip.MustParsePrefix("2001::/32"),      // Teredo (RFC 4380)
		netip.MustParsePrefix("fec0::/10"),      // this site's, before fd00::/8 (RFC 3879)
	}
	return !ip.IsGlobalUnicast() || ip.IsPrivate() ||
		slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}
