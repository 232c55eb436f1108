package netfw

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The protocols that a pin reads, by nft's names.
const (
	pinIP  = "ip"
	pinARP = "arp"
	pinIP6 = "ip6"
)

// pinTags are two VLAN tags on one frame, the outer one of VLAN 0.
var pinTags = []string{"8021q 8021q", "8021q 8021ad", "8021ad 8021q", "8021ad 8021ad"}

// pinRule is a rule of the bridge family: which port, what in the frame, and
// whether it passes.
type pinRule struct {
	port  string // tap102i*; "" is any
	proto string // "" is any
	addr  netip.Addr
	drop  bool
}

// String is the rule as nft writes it. The kernel takes one VLAN tag off before
// a bridge sees the frame, and every further one of VLAN 0 behind the filters
// (__netif_receive_skb_core): two of them would carry a packet past the pins.
func (r pinRule) String() string {
	var w []string
	if r.port != "" {
		w = append(w, fmt.Sprintf("iifname %q", r.port))
	}
	switch outer, inner, _ := strings.Cut(r.proto, " "); r.proto {
	case "":
	case pinIP, pinIP6:
		w = append(w, "meta protocol "+r.proto, r.proto+" saddr "+r.addr.String())
	case pinARP:
		w = append(w, "meta protocol arp", "arp saddr ip "+r.addr.String())
	default:
		w = append(w, "ether type "+outer, "vlan id 0", "vlan type "+inner)
	}
	if r.drop {
		return strings.Join(append(w, "counter drop"), " ")
	}
	return strings.Join(append(w, "accept"), " ")
}

var pinPort = regexp.MustCompile(`^[a-z][a-z0-9]{0,13}\*$`)

// parsePin reads what String writes and nothing else.
func parsePin(text string) (pinRule, error) {
	var r pinRule
	rest := text
	if after, ok := strings.CutPrefix(rest, `iifname "`); ok {
		r.port, rest, _ = strings.Cut(after, `" `)
	}
	if after, ok := strings.CutPrefix(rest, "meta protocol "); ok {
		r.proto, rest, _ = strings.Cut(after, " ")
	}
	for _, prefix := range []string{"ip saddr ", "ip6 saddr ", "arp saddr ip "} {
		if after, ok := strings.CutPrefix(rest, prefix); ok {
			var a string
			a, rest, _ = strings.Cut(after, " ")
			r.addr, _ = netip.ParseAddr(a)
		}
	}
	if after, ok := strings.CutPrefix(rest, "ether type "); ok {
		outer, tag, _ := strings.Cut(after, " vlan id 0 vlan type ")
		inner, verdict, _ := strings.Cut(tag, " ")
		r.proto, rest = outer+" "+inner, verdict
	}
	r.drop = rest == "counter drop"
	if r.String() != text || !r.isKnown() {
		return r, fmt.Errorf("%q is not a rule of table bridge %s", text, pinTable)
	}
	return r, nil
}

func (r pinRule) isKnown() bool {
	if r.port != "" && !pinPort.MatchString(r.port) {
		return false
	}
	switch r.proto {
	case pinIP, pinARP:
		return r.addr.Is4()
	case pinIP6:
		return r.addr.Is6() && !r.addr.Is4In6() && r.addr.Zone() == ""
	}
	return !r.addr.IsValid() && (r.proto == "" && r.port != "" || slices.Contains(pinTags, r.proto))
}

var pinnedVM = regexp.MustCompile(`^tap([1-9][0-9]{2,8})i\*$`)

// Pinned are the addresses that the set binds to VMs, by VMID.
func (s RuleSet) Pinned() map[int][]netip.Addr {
	out := map[int][]netip.Addr{}
	for _, c := range s.Pins {
		for _, text := range c.Rules {
			r, err := parsePin(text)
			if err != nil || !r.addr.IsValid() {
				continue
			}
			m := pinnedVM.FindStringSubmatch(r.port)
			if m == nil {
				continue
			}
			id, err := strconv.Atoi(m[1])
			if err == nil && !slices.Contains(out[id], r.addr) {
				out[id] = append(out[id], r.addr)
			}
		}
	}
	return out
}
