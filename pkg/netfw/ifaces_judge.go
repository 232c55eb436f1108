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

// sameOption reports whether an option is one that our stanza has too, or that
// says what our own drivers do (forwarding and masquerade in hooks, as Proxmox'
// documentation has them).
func sameOption(o ifOption, want Bridge) bool {
	switch o.key {
	case "address", "netmask":
		return true // compared as a whole
	case "bridge-ports":
		return o.value == "none" || o.value == ""
	case "bridge-stp":
		return o.value == "off" || o.value == "no"
	case "bridge-fd", "bridge-maxwait", "bridge-waitport":
		return o.value == "0"
	case "mtu":
		return o.value == "1500"
	case "network", "broadcast":
		return sameDerived(o, want)
	case "up", "post-up":
		return isForwardingHook(o.value) || isMasqueradeHook(o.value, "-A", want)
	case "down", "pre-down", "post-down":
		return isMasqueradeHook(o.value, "-D", want)
	}
	return false
}

// sameDerived compares lines that follow from the address.
func sameDerived(o ifOption, want Bridge) bool {
	for _, p := range want.Addresses {
		if !p.Addr().Is4() {
			continue
		}
		n := p.Masked().Addr()
		b := n.As4()
		for i := p.Bits(); i < 32; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		if o.key == "network" && o.value == n.String() || o.key == "broadcast" && o.value == netip.AddrFrom4(b).String() {
			return true
		}
	}
	return false
}

func hookWords(s string) string {
	w := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(s))
	if len(w) > 0 {
		w[0] = w[0][strings.LastIndexByte(w[0], '/')+1:] // /usr/sbin/iptables
	}
	return strings.Join(w, " ")
}

func isForwardingHook(s string) bool {
	switch hookWords(s) {
	case "echo 1 > /proc/sys/net/ipv4/ip_forward", "echo 1 >/proc/sys/net/ipv4/ip_forward",
		"sysctl -w net.ipv4.ip_forward=1", "sysctl net.ipv4.ip_forward=1", "sysctl -q -w net.ipv4.ip_forward=1":
		return true
	}
	return false
}

func isMasqueradeHook(s, verb string, want Bridge) bool {
	for _, p := range want.Addresses {
		if want.Uplink != "" && hookWords(s) == fmt.Sprintf("iptables -t nat %s POSTROUTING -s %s -o %s -j MASQUERADE", verb, p.Masked(), want.Uplink) {
			return true
		}
	}
	return false
}

// text is the stanza as an operator reads it.
func (s ifStanza) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "iface %s", s.name)
	for _, w := range []string{s.family, s.method} {
		if w != "" {
			b.WriteString(" " + w)
		}
	}
	for _, o := range s.options {
		b.WriteString("\n    " + strings.TrimSpace(o.key+" "+o.value))
	}
	return b.String()
}
