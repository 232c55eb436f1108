package hostfacts

import (
	"net/netip"

	"github.com/google/go-cmp/cmp"
)

// byText compares addresses by what they print.
var byText = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func address(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefixes(all ...string) (out []netip.Prefix) {
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
