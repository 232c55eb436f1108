package platform

import (
	"fmt"
	"net/netip"
	"strings"
)

// unreadable puts netip's errors into an operator's words; other types have their own.
func unreadable(want any, text string, err error) string {
	q := quote(text, rule{})
	switch want.(type) {
	case netip.Addr:
		if strings.Contains(text, "/") {
			return q + " has a prefix length, which has no place here"
		}
		return q + " is not an IP address"
	case netip.Prefix:
		if _, plain := netip.ParseAddr(text); plain == nil {
			return q + " lacks its prefix length"
		}
		return q + " is not an address with a prefix length"
	case netip.AddrPort:
		return q + " is not an address with a port"
	}
	return err.Error()
}

// wrongAddress refuses what netip takes and no table has a use for.
func wrongAddress(v any) string {
	switch x := v.(type) {
	case netip.Prefix:
		if !x.IsValid() {
			return "is not an address with a prefix length"
		}
		return wrongAddress(x.Addr())
	case netip.AddrPort:
		return wrongAddress(x.Addr())
	case netip.Addr:
		switch {
		case !x.IsValid():
			return "is not an IP address"
		case x.Zone() != "":
			return fmt.Sprintf("\"%s\" names an interface, which has no place here", x)
		case x.Is4In6():
			return fmt.Sprintf("\"%s\" is an IPv4 address in IPv6 form: write %s", x, x.Unmap())
		}
	}
	return ""
}
