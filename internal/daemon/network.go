package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"strings"

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
	if v.Forwarding.Ipv6, err = forwardsIPv6(); err != nil {
		return api.NetworkView{}, err
	}
	for _, l := range seen.Links {
		v.Links = append(v.Links, api.Link{Name: l.Name, Kind: l.Type, Up: l.Up, Addresses: texts(l.Addresses), Ports: l.Ports})
	}
	for _, c := range seen.Chains {
		for _, r := range c.Rules {
			one := rule(c.Family, c.Table, c.Name, r.Rule)
			one.Packets, one.Bytes = count(r.Packets), count(r.Bytes)
			v.Rules = append(v.Rules, one)
		}
	}
	v.ForeignRules = &api.RuleCount{Ipv4: seen.Foreign[netfw.IPv4], Ipv6: seen.Foreign[netfw.IPv6]}
	return v, nil
}

// forwardsIPv6 reports whether the kernel routes IPv6. waddle does not want it
// and does not change it.
func forwardsIPv6() (bool, error) {
	switch live, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/forwarding"); {
	case errors.Is(err, fs.ErrNotExist): // a kernel without IPv6
		return false, nil
	case err != nil:
		return false, fmt.Errorf("cannot look at IPv6 forwarding: %w", err)
	default:
		return strings.TrimSpace(string(live)) != "0", nil
	}
}

// count is a counter of the kernel in the contract's type, which has no
// unsigned numbers.
func count(n uint64) *int64 {
	c := int64(min(n, math.MaxInt64))
	return &c
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
	switch f {
	case netfw.IPv6:
		family = api.FirewallRuleFamilyIpv6
	case netfw.BridgePins:
		family = api.FirewallRuleFamilyBridge
	}
	return api.FirewallRule{Family: family, Table: table, Chain: chain, Rule: text}
}

func texts(in []netip.Prefix) []string {
	out := make([]string, 0, len(in))
	for _, p := range in {
		out = append(out, p.String())
	}
	return out
}
