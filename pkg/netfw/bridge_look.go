package netfw

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// LookBridge compares the bridge and what keeps it over a reboot with want. It
// changes nothing.
func (d *Driver) LookBridge(ctx context.Context, want Bridge) (Finding, error) {
	var f Finding
	own, err := d.lookOwnInterfaces(&f, want)
	if err != nil {
		return f, err
	}
	if err := d.lookInterfaces(&f, want, own); err != nil {
		return f, err
	}
	if err := lookLink(&f, want, own); err != nil {
		return f, err
	}
	return f, lookElsewhere(&f, want)
}

// lookOwnInterfaces reports whether our file is there. It is written after an
// old stanza is taken out and before the bridge is made: a bridge beside it is
// ours, whenever we were killed.
func (d *Driver) lookOwnInterfaces(f *Finding, want Bridge) (bool, error) {
	b, ok, err := d.read(ownInterfaces)
	if err != nil {
		return false, err
	}
	if text := RenderInterfaces(want); !bytes.Equal(b, text) {
		f.add(Difference{Kind: createOrChange(ok), Object: "file " + ownInterfaces, Is: string(b), Want: string(text)})
	}
	return ok, nil
}

func createOrChange(exists bool) Kind {
	if exists {
		return Change
	}
	return Create
}

func (d *Driver) lookInterfaces(f *Finding, want Bridge, own bool) error {
	in, err := d.readInterfaces()
	if err != nil {
		return err
	}
	line := "source /etc/network/interfaces.d/*"
	if in.missing {
		f.add(Difference{Kind: Conflict, Object: "file " + interfacesFile, Want: line,
			Note: "there is no such file, so nothing would bring the bridge up after a reboot; install ifupdown2 (it is part of Proxmox VE) and create it"})
	} else if !in.readsOur {
		f.add(Difference{Kind: Conflict, Object: "file " + interfacesFile, Want: line,
			Note: "no source line reads " + ownInterfaces + ", so the bridge would be gone after a reboot; add the line"})
	}
	for _, s := range in.stanzasOf(want.Name) {
		object := fmt.Sprintf("file %s, iface %s", s.file, s.name)
		if other := judge(s, want); len(other) > 0 {
			f.add(Difference{Kind: Conflict, Object: object, Is: s.text(), Want: string(RenderInterfaces(want)),
				Note: "it says something else: " + strings.Join(other, "; ") + "; change it or the platform file"})
			continue
		}
		if own {
			// It came later. It does no harm, and must not hold up a repair.
			f.note("%s says the same as %s and can be removed", object, ownInterfaces)
			continue
		}
		f.add(Difference{Kind: Adopt, Object: object, Is: s.text(),
			Note: fmt.Sprintf("the stanza moves to %s; a copy of the file is kept in %s", ownInterfaces, adoptedDir)})
	}
	return nil
}

func lookLink(f *Finding, want Bridge, own bool) error {
	l, err := findLink(want.Name)
	if err != nil {
		return err
	}
	object := "link " + want.Name
	if l == nil {
		f.add(Difference{Kind: Create, Object: object, Want: want.text()})
		return nil
	}
	if t := l.link.Type(); t != "bridge" {
		f.add(Difference{Kind: Conflict, Object: object, Is: "type " + t, Want: want.text(), Note: "rename or remove it, or choose another name for the internal bridge"})
		return nil
	}
	if bad := physicalPorts(l); len(bad) > 0 {
		f.add(Difference{Kind: Conflict, Object: object, Is: "port " + linkNames(bad), Want: "no physical port",
			Note: "the internal bridge must not lead outside; take the port out of it, or choose another name for the internal bridge"})
		return nil
	}
	missing, extra := compareAddresses(l.addresses, want.Addresses)
	if own {
		lookOwnLink(f, want, l, missing, extra)
		return nil
	}
	lookForeignLink(f, want, l, missing, extra)
	return nil
}

func physicalPorts(l *liveLink) []netlink.Link {
	return slices.DeleteFunc(slices.Clone(l.ports), isGuestPort)
}

func compareAddresses(is, want []netip.Prefix) (missing, extra []netip.Prefix) {
	for _, a := range want {
		if !slices.Contains(is, a) {
			missing = append(missing, a)
		}
	}
	for _, a := range is {
		if !slices.Contains(want, a) {
			extra = append(extra, a)
		}
	}
	return missing, extra
}

func lookOwnLink(f *Finding, want Bridge, l *liveLink, missing, extra []netip.Prefix) {
	for _, a := range missing {
		f.add(Difference{Kind: Change, Object: "address " + a.String() + " on " + want.Name, Is: prefixes(l.addresses), Want: a.String()})
	}
	if !l.up() {
		f.add(Difference{Kind: Change, Object: "link " + want.Name, Is: "down", Want: "up"})
	}
	noteMAC(f, want, l)
	noteExtra(f, want, extra)
}

func lookForeignLink(f *Finding, want Bridge, l *liveLink, missing, extra []netip.Prefix) {
	object := "link " + want.Name
	if len(missing) > 0 && len(extra) > 0 {
		f.add(Difference{Kind: Conflict, Object: object, Is: prefixes(l.addresses), Want: prefixes(want.Addresses),
			Note: "the bridge is there with another address; change the address there or the platform file"})
		return
	}
	x := Difference{Kind: Adopt, Object: object, Is: "bridge, " + prefixes(l.addresses), Want: want.text()}
	if len(missing) > 0 {
		x.Note = "it has no address yet and gets " + prefixes(missing)
	}
	f.add(x)
	noteExtra(f, want, extra)
}

// noteMAC tells of a bridge that was there before us. Its MAC is left as it is
// while VMs use it: they would lose their gateway at once.
func noteMAC(f *Finding, want Bridge, l *liveLink) {
	if is, mac := l.link.Attrs().HardwareAddr, want.mac(); !bytes.Equal(is, mac) {
		f.note("%s has the MAC %s, which may change with its ports; %s from the next boot on, or now with: ip link set %s address %s", want.Name, is, mac, want.Name, mac)
	}
}

func noteExtra(f *Finding, want Bridge, extra []netip.Prefix) {
	if len(extra) > 0 {
		f.note("%s has further addresses, which are left alone: %s", want.Name, prefixes(extra))
	}
}

// lookElsewhere finds the internal network on another link: two routes to one
// network, one of which would be used at random.
func lookElsewhere(f *Finding, want Bridge) error {
	all, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("cannot list the host's addresses: %w", err)
	}
	links, err := allLinks()
	if err != nil {
		return err
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	for _, a := range all {
		p, ok := prefixOf(a)
		name := names[a.LinkIndex]
		if !ok || name == want.Name {
			continue
		}
		for _, w := range want.Addresses {
			if p.Overlaps(w) && p.Bits() > 0 {
				f.add(Difference{Kind: Conflict, Object: "address " + p.String() + " on " + name, Is: p.String(), Want: w.String() + " on " + want.Name + " alone",
					Note: "the internal network overlaps with this one; choose another for one of them"})
			}
		}
	}
	return nil
}

func prefixes(ps []netip.Prefix) string {
	if len(ps) == 0 {
		return "no address"
	}
	s := make([]string, len(ps))
	for i, p := range ps {
		s[i] = p.String()
	}
	return strings.Join(s, ", ")
}
