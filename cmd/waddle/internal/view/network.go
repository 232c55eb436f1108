package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Network is the host's network: links, forwarding, and waddle's rules by chain
// with what each has counted. What is wanted and not seen is said at the end.
func Network(n client.Network, st Look) string {
	var b strings.Builder
	rows := [][]string{{"LINK", "KIND", "STATE", "ADDRESSES", "PORTS"}}
	for _, l := range n.Seen.Links {
		up := "down"
		if l.Up {
			up = "up"
		}
		rows = append(rows, []string{l.Name, l.Kind, up, strings.Join(l.Addresses, " "), strings.Join(l.Ports, " ")})
	}
	b.WriteString(Columns(rows...))
	fmt.Fprintf(&b, "\nforwarding: IPv4 %s, IPv6 %s\n", onOff(n.Seen.Forwarding.Ipv4), onOff(n.Seen.Forwarding.Ipv6))
	b.WriteString(rules(n.Seen.Rules, st))
	if c := n.Seen.ForeignRules; c != nil && c.Ipv4+c.Ipv6 > 0 {
		fmt.Fprintf(&b, "\nrules of others, left alone: %d IPv4, %d IPv6\n", c.Ipv4, c.Ipv6)
	}
	b.WriteString(missing(n, st))
	return b.String()
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func rules(all []client.FirewallRule, st Look) string {
	var b strings.Builder
	last := ""
	for _, r := range all {
		if head := fmt.Sprintf("%s %s %s", r.Family, r.Table, r.Chain); head != last {
			last = head
			b.WriteString("\n" + st.Bold(Printable(head)) + "\n")
		}
		count := ""
		if r.Packets != nil {
			count = strconv.FormatInt(*r.Packets, 10)
		}
		b.WriteString(st.Dim(fmt.Sprintf("%10s", count)) + "  " + Printable(r.Rule) + "\n")
	}
	return b.String()
}

func missing(n client.Network, st Look) string {
	if n.Wanted == nil {
		return "\nno platform document: nothing is wanted yet\n"
	}
	var lacking []string
	for _, want := range n.Wanted.Links {
		lacking = append(lacking, linkLacks(want, n.Seen.Links)...)
	}
	if n.Wanted.Forwarding.Ipv4 && !n.Seen.Forwarding.Ipv4 {
		lacking = append(lacking, "IPv4 forwarding")
	}
	for _, want := range n.Wanted.Rules {
		if !slices.ContainsFunc(n.Seen.Rules, func(r client.FirewallRule) bool {
			return r.Family == want.Family && r.Table == want.Table && r.Chain == want.Chain && r.Rule == want.Rule
		}) {
			lacking = append(lacking, fmt.Sprintf("rule %s %s %s %s", want.Family, want.Table, want.Chain, want.Rule))
		}
	}
	if len(lacking) == 0 {
		return "\nall that is wanted is there\n"
	}
	return "\n" + st.Bad("wanted and not there:") + "\n" + indented("  ", strings.Join(lacking, "\n"))
}

func linkLacks(want client.Link, seen []client.Link) []string {
	i := slices.IndexFunc(seen, func(l client.Link) bool { return l.Name == want.Name })
	if i < 0 {
		return []string{"link " + want.Name}
	}
	var lacking []string
	for _, a := range want.Addresses {
		if !slices.Contains(seen[i].Addresses, a) {
			lacking = append(lacking, "address "+a+" on "+want.Name)
		}
	}
	if want.Up && !seen[i].Up {
		lacking = append(lacking, want.Name+" up")
	}
	return lacking
}
