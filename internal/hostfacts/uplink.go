package hostfacts

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/waddle-social/waddle/internal/platform"
)

// uplink finds where the default routes leave, by IPv4 if there is such a route.
// It returns nil on a host without a default route.
func (h *Host) uplink(names map[int]string) (*platform.UplinkFact, error) {
	link4, gateway4, err := h.defaultRoute(netlink.FAMILY_V4, names)
	if err != nil {
		return nil, err
	}
	link6, gateway6, err := h.defaultRoute(netlink.FAMILY_V6, names)
	if err != nil {
		return nil, err
	}
	switch {
	case link4 == "" && link6 == "":
		return nil, nil
	case link4 == "":
		return &platform.UplinkFact{Link: link6, Gateway6: gateway6}, nil
	case link4 != link6: // two uplinks: only one can be the public bridge
		return &platform.UplinkFact{Link: link4, Gateway4: gateway4}, nil
	}
	return &platform.UplinkFact{Link: link4, Gateway4: gateway4, Gateway6: gateway6}, nil
}

// defaultRoute returns the device and gateway of the default route that the
// kernel prefers: the one with the lowest metric in the main table.
func (h *Host) defaultRoute(family int, names map[int]string) (device string, gateway netip.Addr, err error) {
	const mainTable = 254
	filter := &netlink.Route{Table: mainTable, Dst: anywhere(family)}
	raw, err := h.nl.RouteListFiltered(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
	if err != nil {
		return "", netip.Addr{}, fmt.Errorf("cannot list the routes: %w", err)
	}
	if len(raw) == 0 {
		return "", netip.Addr{}, nil
	}
	best := raw[0]
	for _, r := range raw[1:] {
		if r.Priority < best.Priority {
			best = r
		}
	}
	if len(best.MultiPath) > 0 {
		best.LinkIndex, best.Gw = best.MultiPath[0].LinkIndex, best.MultiPath[0].Gw
	}
	gw, _ := netip.AddrFromSlice(best.Gw) // none on a point-to-point link
	return names[best.LinkIndex], gw.Unmap(), nil
}

func anywhere(family int) *net.IPNet {
	if family == netlink.FAMILY_V6 {
		return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	}
	return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
}
