package daemon

import (
	"context"
	"net/netip"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// networkView shows the network driver's world in the contract's words.
type networkView struct{ driver *netfw.Driver }

func (n networkView) Seen(ctx context.Context) (api.NetworkView, error) {
	seen, err := n.driver.Seen(ctx)
	if err != nil {
		return api.NetworkView{}, err
	}
	v := emptyView()
	v.Forwarding.Ipv4 = seen.Forwarding
	for _, l := range seen.Links {
		v.Links = append(v.Links, api.Link{Name: l.Name, Kind: l.Type, Up: l.Up, Addresses: texts(l.Addresses), Ports: l.Ports})
	}
	for _, c := range seen.Chains {
		for _, r := range c.Rules {
			v.Rules = append(v.Rules, rule(c.Family, c.Table, c.Name, r.Rule))
		}
	}
	return v, nil
}

func (n networkView) Wanted(_ context.Context, p *platform.Platform) (api.NetworkView, error) {
	set, err := netfw.Rules(phase.Rules(p))
	if err != nil {
		return api.NetworkView{}, err
	}
	v := emptyView()
	v.Forwarding.Ipv4 = true
	bridge := phase.Bridge(p)
	v.Links = append(v.Links, api.Link{Name: bridge.Name, Kind: "bridge", Up: true, Addresses: texts(bridge.Addresses)})
	for _, f := range []netfw.Family{netfw.IPv4, netfw.IPv6} {
		for _, c := range set.Of(f) {
			for _, r := range c.Rules {
				v.Rules = append(v.Rules, rule(f, c.Table, c.Name, r))
			}
		}
	}
	return v, nil
}

func emptyView() api.NetworkView {
	return api.NetworkView{Links: []api.Link{}, Rules: []api.FirewallRule{}}
}

func rule(f netfw.Family, table, chain, text string) api.FirewallRule {
	family := api.FirewallRuleFamilyIpv4
	if f == netfw.IPv6 {
		family = api.FirewallRuleFamilyIpv6
	}
	return api.FirewallRule{Family: family, Table: table, Chain: chain, Rule: text, Ours: true}
}

func texts(in []netip.Prefix) []string {
	out := make([]string, 0, len(in))
	for _, p := range in {
		out = append(out, p.String())
	}
	return out
}
