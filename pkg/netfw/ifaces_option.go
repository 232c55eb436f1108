package netfw

import (
	"fmt"
	"net/netip"
	"strings"
)

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
	case "hwaddress":
		return strings.EqualFold(strings.TrimPrefix(o.value, "ether "), want.mac().String())
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
