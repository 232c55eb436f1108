package netfw

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// The table of the bridge family is ours alone, so a swap replaces it whole.
const (
	pinTable = "waddle"
	pinChain = "WADDLE-PIN"
	pinHook  = "prerouting"
)

// pinRules bind each address to the ports of the VMs that own it, in every frame
// that any bridge of the host receives: to the host, through it, and between
// two ports, whatever bridge-nf-call-iptables says. The ports are matched by
// name, so VMs may come and go. All bridges, as not every kernel can match the
// bridge (nft_meta_bridge) and nobody elsewhere may use these addresses either.
func pinRules(c RuleConfig) []string {
	owners := map[netip.Addr][]int{}
	for vmid, addrs := range c.Pins {
		for _, a := range addrs {
			owners[a] = append(owners[a], vmid)
		}
	}
	if len(owners) == 0 {
		return nil
	}
	if c.InternalAddress.IsValid() {
		owners[c.InternalAddress] = nil // the host sends through no port
	}
	rules := []pinRule{{port: "fwln*"}} // behind a NIC's own firewall bridge: seen on the internal bridge already
	for _, p := range pinTags {
		rules = append(rules, pinRule{proto: p, drop: true})
	}
	for _, a := range slices.SortedFunc(maps.Keys(owners), netip.Addr.Compare) {
		rules = append(rules, pinsOf(a, slices.Sorted(slices.Values(owners[a])))...)
	}
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = r.String()
	}
	return out
}

func pinsOf(a netip.Addr, vmids []int) []pinRule {
	protos := []string{pinIP6}
	if a.Is4() {
		protos = []string{pinIP, pinARP}
	}
	var out []pinRule
	for _, p := range protos {
		for _, id := range slices.Compact(vmids) {
			for _, port := range []string{fmt.Sprintf("tap%di*", id), fmt.Sprintf("fwpr%dp*", id)} {
				out = append(out, pinRule{port: port, proto: p, addr: a})
			}
		}
		out = append(out, pinRule{proto: p, addr: a, drop: true})
	}
	return out
}
