package netfw

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// judge compares a stanza with the bridge that is wanted. It returns what the
// stanza says that ours does not, in the stanza's own words; nothing means that
// both say the same.
func judge(s ifStanza, want Bridge) []string {
	var other []string
	if s.family != "inet" && s.family != "" {
		other = append(other, "family "+s.family)
	}
	if s.method != "static" && s.method != "" {
		other = append(other, "method "+s.method)
	}
	if !s.has("bridge-ports") {
		other = append(other, "no bridge-ports line, so it is no bridge")
	}
	for _, o := range s.options {
		if !sameOption(o, want) {
			other = append(other, strings.TrimSpace(o.key+" "+o.value))
		}
	}
	addrs, err := s.addresses()
	if err != nil {
		return append(other, err.Error())
	}
	for _, a := range addrs {
		if !slices.Contains(want.Addresses, a) {
			other = append(other, "address "+a.String())
		}
	}
	for _, a := range want.Addresses {
		if !slices.Contains(addrs, a) {
			other = append(other, "no address "+a.String())
		}
	}
	return other
}

func (s ifStanza) has(key string) bool {
	return slices.ContainsFunc(s.options, func(o ifOption) bool { return o.key == key })
}

// addresses reads both styles: `address 10.10.0.1/24`, and `address 10.10.0.1`
// with `netmask 255.255.255.0` or `netmask 24` on a line of its own.
func (s ifStanza) addresses() ([]netip.Prefix, error) {
	mask := -1
	for _, o := range s.options {
		if o.key != "netmask" {
			continue
		}
		n, err := maskBits(o.value)
		if err != nil {
			return nil, err
		}
		mask = n
	}
	var out []netip.Prefix
	for _, o := range s.options {
		if o.key != "address" {
			continue
		}
		if p, err := netip.ParsePrefix(o.value); err == nil {
			out = append(out, p)
			continue
		}
		a, err := netip.ParseAddr(o.value)
		if err != nil {
			return nil, fmt.Errorf("address %s is none", o.value)
		}
		n := mask
		if n < 0 {
			n = a.BitLen()
		}
		p := netip.PrefixFrom(a, n)
		if !p.IsValid() {
			return nil, fmt.Errorf("netmask /%d does not fit address %s", n, a)
		}
		out = append(out, p)
	}
	return out, nil
}

func maskBits(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n <= 128 {
		return n, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("netmask %s is none", s)
	}
	b := a.As4()
	ones := 0
	for i := range 32 {
		set := b[i/8]&(0x80>>(i%8)) != 0
		if set && i != ones {
			return 0, fmt.Errorf("netmask %s has a gap", s)
		}
		if set {
			ones++
		}
	}
	return ones, nil
}
