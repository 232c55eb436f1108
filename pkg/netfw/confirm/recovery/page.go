package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// example is whom the blocks let in; the reader puts their own address there.
var example = netfw.Exception{
	Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::7/128")},
	TCP:     []uint16{22, 8006},
}

// blocks are the generated ones, by their name in the page.
func blocks() map[string]string {
	open, closed := confirm.BuiltinEmergency(example), netfw.BuiltinLockdown()
	return map[string]string{
		"emergency IPv4": commands("FROM="+example.Sources[0].String(), "iptables", open.V4),
		"emergency IPv6": commands("FROM="+example.Sources[1].String(), "ip6tables", open.V6),
		"closed IPv4":    commands("", "iptables", closed.V4),
		"closed IPv6":    commands("", "ip6tables", closed.V6),
	}
}

// commands load the input chain as waddled does: in one transaction, so that
// there is no instant at which it is empty. What is forwarded is left alone.
func commands(variable, program string, chains []netfw.Chain) string {
	c := chains[slices.IndexFunc(chains, func(c netfw.Chain) bool { return c.Hook == "INPUT" })]
	var b strings.Builder
	b.WriteString("```sh real-host\n")
	if variable != "" {
		b.WriteString(variable + " # put the address that you come from here\n")
	}
	fmt.Fprintf(&b, "%s-restore --noflush <<END\n*%s\n:%s - [0:0]\n", program, c.Table, c.Name)
	for _, r := range c.Rules {
		for _, source := range example.Sources {
			r = strings.ReplaceAll(r, "-s "+source.String()+" ", "-s $FROM ")
		}
		fmt.Fprintf(&b, "-A %s %s\n", c.Name, r)
	}
	fmt.Fprintf(&b, "COMMIT\nEND\n%[1]s -C %[2]s -j %[3]s 2>/dev/null || %[1]s -I %[2]s 1 -j %[3]s\n```\n", program, c.Hook, c.Name)
	return b.String()
}

const (
	begin = "<!-- generated: "
	end   = "<!-- end -->"
)

// renewed is the page with its generated blocks as the code has them now. Each
// of them has to be there.
func renewed(page string) (string, error) {
	left := blocks()
	var out strings.Builder
	for {
		head, rest, found := strings.Cut(page, begin)
		out.WriteString(head)
		if !found {
			break
		}
		name, rest, ok := strings.Cut(rest, " -->\n")
		block, known := left[name]
		if !ok || !known {
			return "", fmt.Errorf("there is no block %q, or it is there twice", name)
		}
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			return "", fmt.Errorf("the block %q has no end", name)
		}
		out.WriteString(begin + name + " -->\n" + block + end)
		delete(left, name)
		page = after
	}
	if len(left) > 0 {
		return "", fmt.Errorf("the page lacks %d generated blocks", len(left))
	}
	return out.String(), nil
}
