package configs

import (
	"errors"
	"net/netip"
)

// Network is an address range that a dialer may reach although it is private,
// written as 10.1.0.0/16 or as a single address.
type Network struct{ netip.Prefix }

func (n *Network) setText(text string) (string, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return "", nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return "write an address or a range such as 10.1.0.0/16", errors.New("this is not a network")
	}
	n.Prefix = prefix.Masked()
	return "", nil
}
