package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inside is a netlink socket in one node's namespace.
type inside struct {
	*netlink.Handle
	ns netns.NsHandle
}

func dialNetlink(path string) (*inside, error) {
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return nil, err
	}
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		_ = ns.Close()
		return nil, err
	}
	return &inside{Handle: h, ns: ns}, nil
}

func (i *inside) close() {
	i.Close()
	_ = i.ns.Close()
}

// veth makes a pair of links, one end here, the other in the peer's namespace. Both
// are made where they stay, so that no name ever exists on the machine.
func (i *inside) veth(name string, peer *inside, peerName string, peerMAC net.HardwareAddr) error {
	v := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: name},
		PeerName:         peerName,
		PeerNamespace:    netlink.NsFd(peer.ns),
		PeerHardwareAddr: peerMAC,
	}
	return i.LinkAdd(v)
}

func (i *inside) up(name string) error {
	link, err := i.LinkByName(name)
	if err != nil {
		return err
	}
	return i.LinkSetUp(link)
}

// linkPatience is how long a link may take. The kernel may hold the news that a carrier
// is there back for a second (net/core/link_watch.c), and longer when it is busy.
const linkPatience = time.Minute

// await waits until those of the links that are set up carry: before, a bridge does not
// forward and IPv6 is silent.
func (i *inside) await(ctx context.Context, names ...string) error {
	end := time.Now().Add(linkPatience)
	for _, name := range names {
		for {
			link, err := i.LinkByName(name)
			if err != nil {
				return err
			}
			if a := link.Attrs(); a.OperState == netlink.OperUp || a.Flags&net.FlagUp == 0 {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(end) {
				return fmt.Errorf("link %s has no carrier after %s: it is %s", name, linkPatience, link.Attrs().OperState)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	return nil
}

func (i *inside) addresses(name string, prefixes ...netip.Prefix) error {
	link, err := i.LinkByName(name)
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		if err := i.AddrAdd(link, &netlink.Addr{IPNet: ipNet(p), Flags: noDAD(p)}); err != nil {
			return err
		}
	}
	return nil
}

func (i *inside) defaultRoutes(gateways ...netip.Addr) error {
	for _, g := range gateways {
		if err := i.RouteAdd(&netlink.Route{Gw: g.AsSlice()}); err != nil {
			return err
		}
	}
	return nil
}

func (i *inside) port(name, bridge string) error {
	link, err := i.LinkByName(name)
	if err != nil {
		return err
	}
	master, err := i.LinkByName(bridge)
	if err != nil {
		return err
	}
	return i.LinkSetMaster(link, master)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func noDAD(p netip.Prefix) int {
	if p.Addr().Is6() {
		return unix.IFA_F_NODAD
	}
	return 0
}
