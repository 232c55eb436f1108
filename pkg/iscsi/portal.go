package iscsi

import (
	"fmt"
	"net/netip"
)

// Portal is where a target listens, e.g. 10.10.0.1:3260.
type Portal struct{ at netip.AddrPort }

// ParsePortal returns the portal that s is: one address and a port. Addresses
// that stand for all interfaces are refused: a target would listen on the public
// one too.
func ParsePortal(s string) (Portal, error) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return Portal{}, fmt.Errorf("cannot use portal %s: it has to be an address and a port, e.g. 10.10.0.1:3260", quote(s))
	}
	a := at.Addr().Unmap()
	switch {
	case a.IsUnspecified():
		return Portal{}, fmt.Errorf("cannot use portal %s: it would listen on every interface, the public one too; name the internal address", quote(s))
	case a.IsMulticast(), a.Zone() != "", at.Port() == 0:
		return Portal{}, fmt.Errorf("cannot use portal %s: not one address of this host with a port", quote(s))
	}
	return Portal{at: netip.AddrPortFrom(a, at.Port())}, nil
}

// String returns the portal as configfs names its folder.
func (p Portal) String() string {
	if !p.at.IsValid() {
		return ""
	}
	return p.at.String()
}
