package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Snapshot returns what the host is, as text that two snapshots can be compared by: one
// heading and the sorted lines under it, for links, addresses, routes, the rules of both
// families, nftables, the sysctls of the network and the files under /etc that are not
// the machine's.
//
// Left out on purpose, because it changes by itself or says nothing about what was
// configured:
//   - counters of rules and links, the time in iptables-save's comments, handles and
//     indices that the kernel counts up;
//   - tables of iptables that have no rule and whose chains are empty and accept: the
//     kernel makes them when one looks, and they do what no table does;
//   - the MAC of a bridge that has its ports';
//   - neighbours, connection tracking, lifetimes of addresses, link-local addresses
//     (fe80::/10), multicast and local routes that the kernel makes of the addresses;
//   - sysctls that name a link, but for forwarding, rp_filter and disable_ipv6, and those
//     that belong to no network namespace;
//   - the files with the certificates that each lab makes for itself;
//   - times of files, and all under /run, /var, /tmp and /root.
func (l *Lab) Snapshot(ctx context.Context) (string, error) {
	sections := []struct {
		title string
		take  func(context.Context) ([]string, error)
	}{
		{"links", l.snapLinks},
		{"addresses", l.snapAddresses},
		{"routes", l.snapRoutes},
		{"iptables", func(ctx context.Context) ([]string, error) { return l.snapTables(ctx, "iptables-save") }},
		{"ip6tables", func(ctx context.Context) ([]string, error) { return l.snapTables(ctx, "ip6tables-save") }},
		{"nftables", l.snapNFT},
		{"legacy iptables", l.snapLegacy},
		{"sysctl", l.snapSysctls},
		{"files", l.snapFiles},
	}
	var b strings.Builder
	for _, s := range sections {
		lines, err := s.take(ctx)
		if err != nil {
			return "", fmt.Errorf("cannot take a snapshot of the %s of lab %s: %w", s.title, l.Name, err)
		}
		fmt.Fprintf(&b, "[%s]\n", s.title)
		for _, line := range lines {
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return lines
}
