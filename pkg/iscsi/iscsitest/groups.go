package iscsitest

import (
	"path"
	"syscall"
)

// made makes a target with one LUN by hand.
func (e *Env) byHand(asset string, n int) (backstore string) {
	e.Helper()
	dir := e.store(asset, n)
	e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn(asset).String())))
	e.ok(e.FS.Mkdir(e.tpg(asset)))
	e.ok(e.FS.Mkdir(e.tpg(asset, "lun", "lun_0")))
	e.ok(e.FS.Symlink(dir, e.tpg(asset, "lun", "lun_0", "x")))
	return dir
}

// groupRows are what the iSCSI fabric does.
var groupRows = []Row{
	{"a portal group starts disabled, closed and with authentication on", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.reads(e.tpg("a", "enable"), "0\n")
		e.reads(e.tpg("a", "dynamic_sessions"), "")
		for name, want := range map[string]string{
			"authentication": "1", "generate_node_acls": "0", "cache_dynamic_acls": "0", "demo_mode_write_protect": "1", "prod_mode_write_protect": "0",
		} {
			e.reads(e.tpg("a", "attrib", name), want+"\n")
		}
	}},
	{"a group's attributes take their numbers only", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.WriteFile(e.tpg("a", "attrib", "authentication"), "2"), syscall.EINVAL)
		e.refused(e.FS.WriteFile(e.tpg("a", "attrib", "authentication"), "yes"), syscall.EINVAL)
		e.refused(e.FS.WriteFile(e.tpg("a", "attrib", "login_timeout"), "31"), syscall.EINVAL)
	}},
	{"generate_node_acls brings cache_dynamic_acls, which silently stays", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.ok(e.FS.WriteFile(e.tpg("a", "attrib", "generate_node_acls"), "1"))
		e.reads(e.tpg("a", "attrib", "cache_dynamic_acls"), "1\n")
		e.ok(e.FS.WriteFile(e.tpg("a", "attrib", "cache_dynamic_acls"), "0"))
		e.reads(e.tpg("a", "attrib", "cache_dynamic_acls"), "1\n")
	}},
	{"a CHAP secret is kept byte for byte", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.ok(e.FS.WriteFile(e.tpg("a", "auth", "userid"), "somebody"))
		e.reads(e.tpg("a", "auth", "userid"), "somebody\n")
		e.ok(e.FS.WriteFile(e.tpg("a", "auth", "userid"), "NULL"))
		e.reads(e.tpg("a", "auth", "userid"), "NULL\n")
	}},
	{"enabling what is enabled is success, and so is disabling twice", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		for _, v := range []string{"1", "1", "0", "0"} {
			e.ok(e.FS.WriteFile(e.tpg("a", "enable"), v))
			e.reads(e.tpg("a", "enable"), v+"\n")
		}
		e.refused(e.FS.WriteFile(e.tpg("a", "enable"), "perhaps"), syscall.EINVAL)
	}},
	{"groups, LUNs and portals have names of one form", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.refused(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String(), "group1")), syscall.EINVAL)
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Mkdir(e.tpg("a", "lun", "0")), syscall.EINVAL)
		e.refused(e.FS.Mkdir(e.tpg("a", "np", "here")), syscall.EINVAL)
		e.refused(e.FS.Mkdir(e.tpg("a", "np", "127.0.0.1")), syscall.EINVAL)
	}},
	{"a portal on all addresses excludes one on a single address", func(e *Env) {
		for _, a := range []string{"a", "b"} {
			e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn(a).String())))
			e.ok(e.FS.Mkdir(e.tpg(a)))
		}
		e.ok(e.FS.Mkdir(e.tpg("a", "np", "0.0.0.0:3261")))
		e.refused(e.FS.Mkdir(e.tpg("b", "np", Portal)), syscall.EINVAL)
		e.ok(e.FS.Rmdir(e.tpg("a", "np", "0.0.0.0:3261")))
		e.ok(e.FS.Mkdir(e.tpg("b", "np", Portal)))
		e.ok(e.FS.Mkdir(e.tpg("a", "np", Portal)))
	}},
	{"a LUN links to one enabled backstore, which then cannot be removed", func(e *Env) {
		dir := e.byHand("a", 0)
		other := e.store("other", 1)
		e.refused(e.FS.Symlink(other, e.tpg("a", "lun", "lun_0", "y")), syscall.EEXIST)
		e.refused(e.FS.Rmdir(dir), syscall.EBUSY)
		e.refused(e.FS.Rmdir(e.tpg("a", "lun", "lun_0")), syscall.ENOTEMPTY)
		text, err := e.FS.Readlink(e.tpg("a", "lun", "lun_0", "x"))
		e.ok(err)
		if !path.IsAbs(text) {
			text = path.Join(e.tpg("a", "lun", "lun_0"), text)
		}
		if text != dir {
			e.Fatalf("the link leads to %s, want %s", text, dir)
		}
	}},
	{"a LUN does not link to a backstore that is not enabled", func(e *Env) {
		hba := e.at("core", "iblock_900004")
		e.ok(e.FS.Mkdir(hba))
		dir := path.Join(hba, "off")
		e.ok(e.FS.Mkdir(dir))
		defer func() { e.ok(e.FS.Rmdir(dir)); e.ok(e.FS.Rmdir(hba)) }()
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.ok(e.FS.Mkdir(e.tpg("a", "lun", "lun_0")))
		e.refused(e.FS.Symlink(dir, e.tpg("a", "lun", "lun_0", "x")), syscall.ENODEV)
	}},
	{"what is exported keeps its serial and some attributes", func(e *Env) {
		dir := e.byHand("a", 0)
		e.refused(e.FS.WriteFile(path.Join(dir, "wwn", "vpd_unit_serial"), "new"), syscall.EINVAL)
		e.refused(e.FS.WriteFile(path.Join(dir, "attrib", "emulate_tas"), "0"), syscall.EINVAL)
		e.ok(e.FS.WriteFile(path.Join(dir, "attrib", "emulate_3pc"), "0"))
	}},
	{"an initiator is mapped to LUNs of its own group, which then cannot be removed", func(e *Env) {
		const initiator = "iqn.2004-10.com.example:host"
		e.byHand("a", 0)
		e.ok(e.FS.Mkdir(e.tpg("a", "acls", initiator)))
		e.ok(e.FS.Mkdir(e.tpg("a", "acls", initiator, "lun_0")))
		e.refused(e.FS.Mkdir(e.tpg("a", "acls", initiator, "disk")), syscall.EINVAL)
		e.ok(e.FS.Symlink(e.tpg("a", "lun", "lun_0"), e.tpg("a", "acls", initiator, "lun_0", "x")))
		e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "x")))
		e.refused(e.FS.Rmdir(e.tpg("a", "lun", "lun_0")), syscall.EBUSY)
		e.reads(e.tpg("a", "acls", initiator, "info"), "No active iSCSI Session for Initiator Endpoint: "+initiator+"\n")
	}},
}
