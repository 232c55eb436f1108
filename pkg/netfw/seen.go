package netfw

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Seen is the host's network as it is, for people.
type Seen struct {
	Links      []SeenLink  `json:"links"`
	Forwarding bool        `json:"forwarding"` // IPv4
	Flavour    Flavour     `json:"flavour"`
	Version    string      `json:"version"` // of iptables
	Chains     []SeenChain `json:"chains"`
	// Foreign counts the rules that are not ours in filter and nat, by family.
	Foreign map[Family]int `json:"foreign"`
}

// SeenLink is a link with its addresses and, of a bridge, its ports.
type SeenLink struct {
	Name      string         `json:"name"`
	Type      string         `json:"type"` // "bridge", "veth", "device" …
	Up        bool           `json:"up"`
	MTU       int            `json:"mtu"` // bytes
	MAC       string         `json:"mac,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
	Bridge    string         `json:"bridge,omitempty"` // that it is a port of
	Ports     []string       `json:"ports,omitempty"`
}

// SeenChain is a chain of ours with its counters.
type SeenChain struct {
	Family Family     `json:"family"`
	Table  string     `json:"table"`
	Name   string     `json:"name"`
	Jumps  int        `json:"jumps"` // 1 when all is well
	First  bool       `json:"first"` // the jump is the first rule
	Rules  []SeenRule `json:"rules"`
}

// SeenRule is a rule with what it has counted since it was loaded.
type SeenRule struct {
	Rule    string `json:"rule"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Seen looks at everything afresh. It starts one process a family, for the
// counters.
func (d *Driver) Seen(ctx context.Context) (Seen, error) {
	s := Seen{Foreign: map[Family]int{}}
	var err error
	if s.Links, err = seenLinks(); err != nil {
		return s, err
	}
	live, err := d.sysctl(ipForward)
	if err != nil {
		return s, err
	}
	s.Forwarding = live == "1"
	d.look.Lock()
	t, err := d.findTools()
	d.look.Unlock()
	if err != nil {
		return s, err
	}
	s.Flavour, s.Version = t.flavour, t.version
	snap, err := d.freshSnapshot(ctx, t)
	if err != nil {
		return s, err
	}
	for _, fam := range families {
		s.addRules(fam, snap.rules[fam])
	}
	s.addPins(snap.pins)
	return s, nil
}

func seenLinks() ([]SeenLink, error) {
	links, err := allLinks()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var out []SeenLink
	for _, l := range links {
		a := l.Attrs()
		s := SeenLink{Name: a.Name, Type: l.Type(), Up: a.RawFlags&unix.IFF_UP != 0, MTU: a.MTU, MAC: a.HardwareAddr.String(), Bridge: names[a.MasterIndex]}
		if s.Addresses, err = addressesOf(l); err != nil {
			return nil, err
		}
		for _, p := range links {
			if a.Index != 0 && p.Attrs().MasterIndex == a.Index {
				s.Ports = append(s.Ports, p.Attrs().Name)
			}
		}
		slices.Sort(s.Ports)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b SeenLink) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// addPins shows the table of the bridge family as a chain that is always asked first.
func (s *Seen) addPins(is bridgePins) {
	if !is.exists {
		return
	}
	sc := SeenChain{Family: BridgePins, Table: pinTable, Name: pinChain, Jumps: 1, First: true}
	for _, r := range is.chain.rules {
		sc.Rules = append(sc.Rules, SeenRule{r.text, r.packets, r.bytes})
	}
	s.Chains = append(s.Chains, sc)
}

func (s *Seen) addRules(fam Family, is saved) {
	for _, own := range ownChains(fam) {
		c, hook := is.chain(own.Table, own.Name), is.chain(own.Table, own.Hook)
		if c == nil {
			continue
		}
		sc := SeenChain{Family: fam, Table: own.Table, Name: own.Name, Jumps: hook.count(normalText(own.jump())), First: jumpAt(own, hook) == 0}
		for _, r := range c.rules {
			sc.Rules = append(sc.Rules, SeenRule{r.text, r.packets, r.bytes})
		}
		s.Chains = append(s.Chains, sc)
	}
	for _, t := range is {
		for _, c := range t.chains {
			if slices.ContainsFunc(ownChains(fam), func(o Chain) bool { return o.Name == c.name }) {
				continue
			}
			for _, r := range c.rules {
				if !isOwnJump(fam, r) {
					s.Foreign[fam]++
				}
			}
		}
	}
}
