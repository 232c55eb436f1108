package netfw

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// liveLink is a link as the kernel shows it.
type liveLink struct {
	link      netlink.Link
	addresses []netip.Prefix // IPv6 link-local ones left out: the kernel makes them
	ports     []netlink.Link // of a bridge
}

func (l *liveLink) up() bool { return l.link.Attrs().RawFlags&unix.IFF_UP != 0 }

// findLink returns nil when there is no such link.
func findLink(name string) (*liveLink, error) {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at link %s: %w", name, err)
	}
	l := &liveLink{link: link}
	if l.addresses, err = addressesOf(link); err != nil {
		return nil, err
	}
	if link.Type() == "bridge" {
		l.ports, err = portsOf(link)
	}
	return l, err
}

// dump repeats a listing that the kernel says it could not give consistently.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for range 5 {
		got, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return got, err
		}
	}
	return list()
}

func addressesOf(link netlink.Link) ([]netip.Prefix, error) {
	got, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("cannot list the addresses of %s: %w", link.Attrs().Name, err)
	}
	var out []netip.Prefix
	for _, a := range got {
		p, ok := prefixOf(a)
		if ok && !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()) {
			out = append(out, p)
		}
	}
	return out, nil
}

func prefixOf(a netlink.Addr) (netip.Prefix, bool) {
	if a.IPNet == nil {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	ones, _ := a.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), ones), ok
}

func allLinks() ([]netlink.Link, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list the links: %w", err)
	}
	return links, nil
}

func portsOf(bridge netlink.Link) ([]netlink.Link, error) {
	links, err := allLinks()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(links, func(l netlink.Link) bool {
		return l.Attrs().MasterIndex != bridge.Attrs().Index
	}), nil
}

// isGuestPort reports whether a bridge's port leads to a VM, a container or
// another namespace. Proxmox names them tap<vmid>i<n>, fwpr<vmid>p<n> (behind a
// fwbr<vmid>i<n> with fwln<vmid>i<n>) and veth<vmid>i<n>.
func isGuestPort(l netlink.Link) bool {
	switch l.Type() {
	case "veth", "tuntap", "tun":
		return true
	}
	for _, prefix := range []string{"tap", "fwpr", "fwln", "veth"} {
		if strings.HasPrefix(l.Attrs().Name, prefix) {
			return true
		}
	}
	return false
}

func linkNames(links []netlink.Link) string {
	s := make([]string, len(links))
	for i, l := range links {
		s[i] = l.Attrs().Name
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}
