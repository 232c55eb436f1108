package netfw

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// ApplyBridge makes the bridge and what keeps it over a reboot say what want
// says. It returns a *ConflictError or an *AdoptionError before it changes
// anything.
func (d *Driver) ApplyBridge(ctx context.Context, want Bridge, c Consent) error {
	d.write.Lock()
	defer d.write.Unlock()
	f, err := d.LookBridge(ctx, want)
	if err != nil {
		return err
	}
	if err := f.allowed(c); err != nil || len(f.Differences) == 0 {
		return err
	}
	if c.Adopt {
		if err := d.adoptStanzas(want); err != nil {
			return err
		}
	}
	// Before the link: the file is what says that the bridge is ours.
	if err := d.ensureFile(ownInterfaces, RenderInterfaces(want), plainMode); err != nil {
		return err
	}
	return d.ensureLink(want)
}

func (d *Driver) adoptStanzas(want Bridge) error {
	in, err := d.readInterfaces()
	if err != nil {
		return err
	}
	if len(in.stanzasOf(want.Name)) == 0 {
		return nil // an auto line alone says nothing about the bridge
	}
	for _, name := range in.order {
		f := in.files[name]
		if err := d.takeOut(name, f.content, f.without(want.Name)); err != nil {
			return fmt.Errorf("cannot take over iface %s: %w", want.Name, err)
		}
	}
	return nil
}

func (d *Driver) ensureLink(want Bridge) error {
	l, err := findLink(want.Name)
	if err != nil {
		return err
	}
	if l == nil {
		if l, err = d.addBridge(want.Name, want.mac()); err != nil {
			return err
		}
	}
	missing, _ := compareAddresses(l.addresses, want.Addresses)
	for _, a := range missing {
		if err := d.addAddress(l.link, a); err != nil {
			return err
		}
	}
	if l.up() {
		return nil
	}
	return d.setUp(l.link, true)
}

// addBridge leaves the MAC to the kernel when mac is nil.
func (d *Driver) addBridge(name string, mac net.HardwareAddr) (*liveLink, error) {
	if err := d.op("link-add:" + name); err != nil {
		return nil, err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = name, mac
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return nil, fmt.Errorf("cannot create bridge %s: %w", name, err)
	}
	d.log.Info("bridge created", "link", name)
	l, err := findLink(name)
	if err == nil && l == nil {
		err = fmt.Errorf("cannot create bridge %s: somebody removed it at once", name)
	}
	return l, err
}

func (d *Driver) addAddress(link netlink.Link, p netip.Prefix) error {
	name := link.Attrs().Name
	if err := d.op("addr-add:" + name); err != nil {
		return err
	}
	if err := netlink.AddrReplace(link, address(p)); err != nil {
		return fmt.Errorf("cannot add address %s to %s: %w", p, name, err)
	}
	d.log.Info("address added", "link", name, "address", p.String())
	return nil
}

func address(p netip.Prefix) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
}

func (d *Driver) setUp(link netlink.Link, up bool) error {
	name, op, set := link.Attrs().Name, "link-up:", netlink.LinkSetUp
	if !up {
		op, set = "link-down:", netlink.LinkSetDown
	}
	if err := d.op(op + name); err != nil {
		return err
	}
	if err := set(link); err != nil {
		return fmt.Errorf("cannot set link %s up=%t: %w", name, up, err)
	}
	return nil
}
