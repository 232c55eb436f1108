package netfw

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// PortsError says that a bridge cannot be deleted because something is plugged
// into it.
type PortsError struct {
	Bridge string
	Ports  string // names, comma-separated
}

func (e *PortsError) Error() string {
	return fmt.Sprintf("cannot delete bridge %s: ports are plugged into it: %s; stop or unplug their VMs first", e.Bridge, e.Ports)
}

// ShowUndoBridge says what UndoBridge would change.
func (d *Driver) ShowUndoBridge(ctx context.Context, b BridgeBefore) ([]Difference, error) {
	out, err := d.undoFiles([]FileState{b.Own}, b.Foreign)
	if err != nil {
		return nil, err
	}
	l, err := findLink(b.Name)
	if err != nil {
		return nil, err
	}
	return append(out, undoLink(l, b)...), nil
}

func undoLink(l *liveLink, b BridgeBefore) []Difference {
	object := "link " + b.Name
	if l == nil {
		if b.Exists {
			return []Difference{{Kind: Create, Object: object, Want: "bridge, " + prefixes(b.Addresses)}}
		}
		return nil
	}
	if !b.Exists {
		x := Difference{Kind: Remove, Object: object, Is: l.link.Type() + ", " + prefixes(l.addresses)}
		if len(l.ports) > 0 {
			x.Kind, x.Note = Conflict, (&PortsError{b.Name, linkNames(l.ports)}).Error()
		}
		return []Difference{x}
	}
	var out []Difference
	for _, a := range b.addedTo(l) {
		out = append(out, Difference{Kind: Remove, Object: "address " + a.String() + " on " + b.Name, Is: a.String()})
	}
	missing, _ := compareAddresses(l.addresses, b.Addresses)
	for _, a := range missing {
		out = append(out, Difference{Kind: Create, Object: "address " + a.String() + " on " + b.Name, Want: a.String()})
	}
	if l.up() != b.Up {
		out = append(out, Difference{Kind: Change, Object: object, Is: upDown(l.up()), Want: upDown(b.Up)})
	}
	if mtu := l.link.Attrs().MTU; mtu != b.MTU {
		out = append(out, Difference{Kind: Change, Object: object, Is: fmt.Sprintf("mtu %d", mtu), Want: fmt.Sprintf("mtu %d", b.MTU)})
	}
	return out
}

// addedTo returns the addresses that are on the link because of us.
func (b BridgeBefore) addedTo(l *liveLink) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range l.addresses {
		if slices.Contains(b.Wanted, a) && !slices.Contains(b.Addresses, a) {
			out = append(out, a)
		}
	}
	return out
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// UndoBridge puts back what CaptureBridge saw. It returns a *PortsError, before
// it changes anything, when the bridge was not there before and something has
// been plugged into it since.
func (d *Driver) UndoBridge(ctx context.Context, b BridgeBefore) error {
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.undoConflicts(b.Foreign); err != nil {
		return err
	}
	l, err := findLink(b.Name)
	if err != nil {
		return err
	}
	if l != nil && !b.Exists && len(l.ports) > 0 {
		return &PortsError{b.Name, linkNames(l.ports)}
	}
	if err := d.undoLive(l, b); err != nil {
		return err
	}
	return d.putFilesBack([]FileState{b.Own}, b.Foreign)
}

func (d *Driver) undoLive(l *liveLink, b BridgeBefore) (err error) {
	switch {
	case l == nil && !b.Exists:
		return nil
	case !b.Exists:
		return d.deleteBridge(l.link)
	case l == nil:
		if l, err = d.addBridge(b.Name, nil); err != nil {
			return err
		}
	}
	return d.undoAttributes(l, b)
}

func (d *Driver) deleteBridge(link netlink.Link) error {
	name := link.Attrs().Name
	if link.Type() != "bridge" {
		return fmt.Errorf("cannot delete link %s: it is a %s and not the bridge that was made; look at it with `ip -d link show %s`", name, link.Type(), name)
	}
	if err := d.op("link-del:" + name); err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("cannot delete bridge %s: %w", name, err)
	}
	d.log.Info("bridge deleted", "link", name)
	return nil
}

func (d *Driver) undoAttributes(l *liveLink, b BridgeBefore) error {
	missing, _ := compareAddresses(l.addresses, b.Addresses)
	for _, a := range missing {
		if err := d.addAddress(l.link, a); err != nil {
			return err
		}
	}
	for _, a := range b.addedTo(l) {
		if err := d.op("addr-del:" + b.Name); err != nil {
			return err
		}
		if err := netlink.AddrDel(l.link, address(a)); err != nil {
			return fmt.Errorf("cannot remove address %s from %s: %w", a, b.Name, err)
		}
	}
	if l.link.Attrs().MTU != b.MTU {
		if err := d.op("link-mtu:" + b.Name); err != nil {
			return err
		}
		if err := netlink.LinkSetMTU(l.link, b.MTU); err != nil {
			return fmt.Errorf("cannot set the mtu of %s to %d: %w", b.Name, b.MTU, err)
		}
	}
	if l.up() == b.Up {
		return nil
	}
	return d.setUp(l.link, b.Up)
}
