package hostfacts

import (
	"fmt"
	"net/netip"
	"sort"

	"github.com/vishvananda/netlink"

	"github.com/waddle-social/waddle/internal/platform"
)

// Netlink is what is asked of the kernel; *netlink.Handle has it.
type Netlink interface {
	LinkList() ([]netlink.Link, error)
	AddrList(link netlink.Link, family int) ([]netlink.Addr, error)
	RouteListFiltered(family int, filter *netlink.Route, mask uint64) ([]netlink.Route, error)
}

func (h *Host) lookNetwork(f *platform.Facts) error {
	raw, err := h.nl.LinkList()
	if err != nil {
		return fmt.Errorf("cannot list the network devices: %w", err)
	}
	names := map[int]string{}
	for _, l := range raw {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	if f.Links, err = h.links(raw, names); err != nil {
		return err
	}
	f.Uplink, err = h.uplink(names)
	return err
}

// links describes all devices but loopback, bridges with their ports, by name.
func (h *Host) links(raw []netlink.Link, names map[int]string) ([]platform.LinkFact, error) {
	ports := map[string][]string{}
	for _, l := range raw {
		if bridge, ok := names[l.Attrs().MasterIndex]; ok {
			ports[bridge] = append(ports[bridge], l.Attrs().Name)
		}
	}
	var all []platform.LinkFact
	for _, l := range raw {
		a := l.Attrs()
		if a.Name == "lo" {
			continue
		}
		one := platform.LinkFact{Name: a.Name, MAC: a.HardwareAddr.String(), Bridge: l.Type() == "bridge"}
		if one.Bridge {
			one.Ports = ports[a.Name]
			sort.Strings(one.Ports)
		}
		var err error
		if one.Addresses, err = h.addresses(l); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all, nil
}

// addresses returns l's addresses that reach beyond the link and stay: neither
// link-local nor loopback ones, nor IPv6 privacy addresses (RFC 8981).
func (h *Host) addresses(l netlink.Link) ([]netip.Prefix, error) {
	raw, err := h.nl.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("cannot list the addresses of %s: %w", l.Attrs().Name, err)
	}
	var all []netip.Prefix
	for _, a := range raw {
		if a.IPNet == nil {
			continue
		}
		ip, ok := netip.AddrFromSlice(a.IP)
		ip = ip.Unmap()
		const temporary = 0x01 // IFA_F_TEMPORARY; for IPv4 the same bit is IFA_F_SECONDARY
		if !ok || !ip.IsGlobalUnicast() || (ip.Is6() && a.Flags&temporary != 0) {
			continue
		}
		bits, _ := a.Mask.Size()
		all = append(all, netip.PrefixFrom(ip, bits))
	}
	return all, nil
}
