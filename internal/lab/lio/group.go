package lio

import (
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

func makeLUN(_ *Tree, up *dir, name string) error {
	if !lunName(name) {
		return syscall.EINVAL
	}
	d := newDir(up, name, kindLUN, false)
	d.object = up.object
	d.readOnly("alua_tg_pt_offline", "0\n")
	port := d.group("statistics", kindPlain).group("scsi_tgt_port", kindPlain)
	for _, f := range []string{"in_cmds", "read_mbytes", "write_mbytes", "hs_in_cmds"} {
		port.readOnly(f, "0\n")
	}
	return nil
}

func lunName(name string) bool {
	number, found := strings.CutPrefix(name, "lun_")
	_, err := strconv.ParseUint(number, 0, 64)
	return found && err == nil
}

// makePortal is lio_target_call_addnptotpg; target_fabric_make_np turns all of
// its errors into EINVAL.
func makePortal(t *Tree, up *dir, name string) error {
	at, err := netip.ParseAddrPort(name)
	if err != nil || t.portTaken(at) {
		return syscall.EINVAL
	}
	g := up.object.(*group)
	for _, other := range g.of.groups {
		for _, p := range other.portals {
			if p == at {
				return syscall.EINVAL
			}
		}
	}
	d := newDir(up, name, kindPortal, false)
	d.object = g
	d.add("iser", file{show: func() string { return "0\n" }, store: func(string) error { return nil }})
	g.portals[name] = at
	t.ports[at]++
	return nil
}

// portTaken reports whether the kernel could not listen: all portals of one
// address are one socket, and one on all addresses excludes one on a single.
func (t *Tree) portTaken(at netip.AddrPort) bool {
	for p := range t.ports {
		if p.Port() == at.Port() && p != at && (p.Addr().IsUnspecified() || at.Addr().IsUnspecified()) {
			return true
		}
	}
	return false
}

func (t *Tree) closePort(at netip.AddrPort) {
	if t.ports[at]--; t.ports[at] == 0 {
		delete(t.ports, at)
	}
}

func makeACL(_ *Tree, up *dir, name string) error {
	if len(name) >= 224 {
		return syscall.EINVAL
	}
	g := up.object.(*group)
	d := newDir(up, name, kindACL, false)
	a := &acl{name: name, in: g, depth: value{n: g.attrib["default_cmdsn_depth"].n}}
	d.object, g.acls[name] = a, a
	d.add("info", file{quiet: true, show: a.info})
	d.add("cmdsn_depth", file{show: a.depth.show, store: func(text string) error {
		n, err := u32(text)
		if err != nil || n > 512 {
			return syscall.EINVAL
		}
		a.depth.n = n
		return nil
	}})
	d.group("auth", kindPlain).auth(&a.auth, true)
	for _, name := range []string{"attrib", "param", "fabric_statistics"} {
		d.group(name, kindPlain)
	}
	return nil
}

func makeMapped(_ *Tree, up *dir, name string) error {
	if !lunName(name) {
		return syscall.EINVAL
	}
	d := newDir(up, name, kindMapped, false)
	d.object = up.object
	d.add("write_protect", file{show: func() string { return "0\n" }, store: func(text string) error {
		_, err := boolean(text)
		return err
	}})
	d.group("statistics", kindPlain)
	return nil
}

// allowLink is target_fabric_port_link and target_fabric_mappedlun_link.
func (t *Tree) allowLink(from, to *dir) error {
	if from.kind == kindLUN {
		b, ok := to.object.(*backstore)
		switch {
		case !ok || to.kind != kindBackstore:
			return syscall.EFAULT
		case !b.enabled:
			return syscall.ENODEV
		case len(from.links) > 0:
			return syscall.EEXIST
		}
		b.exports++
		return nil
	}
	switch {
	case to.kind != kindLUN:
		return syscall.EFAULT
	case len(to.links) == 0, len(from.links) > 0:
		return syscall.EINVAL
	case to.object.(*group) != from.object.(*acl).in:
		return syscall.EINVAL // a LUN of another portal group
	}
	return nil
}

func dropLink(from, to *dir) {
	if from.kind == kindLUN {
		to.object.(*backstore).exports--
	}
}

// dropped does what the kernel does when a folder is gone.
func (t *Tree) dropped(d *dir) {
	switch d.kind {
	case kindBackstore:
		b := d.object.(*backstore)
		if t.devices[b.claimed] == b {
			delete(t.devices, b.claimed)
		}
	case kindGroup:
		g := d.object.(*group)
		g.logoutAll()
		for tag, other := range g.of.groups {
			if other == g {
				delete(g.of.groups, tag)
			}
		}
	case kindPortal:
		g := d.object.(*group)
		t.closePort(g.portals[d.name])
		delete(g.portals, d.name)
	case kindACL:
		a := d.object.(*acl)
		delete(a.in.acls, a.name)
	}
}
