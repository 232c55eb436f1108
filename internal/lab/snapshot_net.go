package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (l *Lab) snapLinks(context.Context) ([]string, error) {
	host, err := dialNetlink(l.Host.netns)
	if err != nil {
		return nil, err
	}
	defer host.close()
	links, err := host.LinkList()
	if err != nil {
		return nil, err
	}
	fixed, err := l.fixedMACs(links)
	if err != nil {
		return nil, err
	}
	names := map[int]string{0: "-"}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	var lines []string
	for _, link := range links {
		a := link.Attrs()
		line := fmt.Sprintf("%s type %s mac %s mtu %d master %s up %t",
			a.Name, link.Type(), mac(link, fixed), a.MTU, names[a.MasterIndex], a.Flags&net.FlagUp != 0)
		if b, ok := link.(*netlink.Bridge); ok && b.VlanFiltering != nil {
			line += fmt.Sprintf(" vlan-filtering %t", *b.VlanFiltering)
		}
		if a.Alias != "" {
			line += fmt.Sprintf(" alias %q", a.Alias)
		}
		lines = append(lines, line)
	}
	return sorted(lines), nil
}

// fixedMACs tells the links whose MAC somebody set.
func (l *Lab) fixedMACs(links []netlink.Link) (map[string]bool, error) {
	const setByUser = "3" // NET_ADDR_SET
	fixed := map[string]bool{}
	err := l.Host.Do(func() error {
		for _, link := range links {
			name := link.Attrs().Name
			raw, err := os.ReadFile("/sys/class/net/" + name + "/addr_assign_type")
			if err != nil {
				return err
			}
			fixed[name] = strings.TrimSpace(string(raw)) == setByUser
		}
		return nil
	})
	return fixed, err
}

// mac is a link's MAC, unless it is a bridge that nobody gave one: the kernel gives it the
// lowest of its ports', anew whenever one comes or goes.
func mac(link netlink.Link, fixed map[string]bool) string {
	if link.Type() == "bridge" && !fixed[link.Attrs().Name] {
		return "of its ports"
	}
	return link.Attrs().HardwareAddr.String()
}

func (l *Lab) snapAddresses(context.Context) ([]string, error) {
	host, err := dialNetlink(l.Host.netns)
	if err != nil {
		return nil, err
	}
	defer host.close()
	links, err := host.LinkList()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, link := range links {
		addrs, err := host.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if a.IP.IsLinkLocalUnicast() && a.IP.To4() == nil {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s scope %d label %s", link.Attrs().Name, a.IPNet, a.Scope, a.Label))
		}
	}
	return sorted(lines), nil
}

// snapRoutes lists the routes of all tables that somebody or the addresses made.
func (l *Lab) snapRoutes(context.Context) ([]string, error) {
	host, err := dialNetlink(l.Host.netns)
	if err != nil {
		return nil, err
	}
	defer host.close()
	var lines []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := host.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if r.Table == unix.RT_TABLE_LOCAL || (r.Dst != nil && r.Dst.IP.IsLinkLocalUnicast() && family == netlink.FAMILY_V6) || r.Type == unix.RTN_MULTICAST {
				continue
			}
			link := "-"
			if found, err := host.LinkByIndex(r.LinkIndex); err == nil {
				link = found.Attrs().Name
			}
			lines = append(lines, fmt.Sprintf("%s via %s dev %s src %s table %d proto %s metric %d scope %s",
				dst(r, family), r.Gw, link, r.Src, r.Table, r.Protocol, r.Priority, r.Scope))
		}
		rules, err := host.RuleList(family)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			lines = append(lines, fmt.Sprintf("rule family %d: %s", family, r))
		}
	}
	return sorted(lines), nil
}

func dst(r netlink.Route, family int) string {
	switch {
	case r.Dst != nil:
		return r.Dst.String()
	case family == netlink.FAMILY_V4:
		return "0.0.0.0/0"
	}
	return "::/0"
}
