package iscsitest

import (
	"path"
	"syscall"
)

// configfsRows are what fs/configfs does, whoever asks.
var configfsRows = []Row{
	{"a folder that is there cannot be made again", func(e *Env) {
		e.refused(e.FS.Mkdir(e.at("iscsi")), syscall.EEXIST)
	}},
	{"a folder below one that is not there cannot be made", func(e *Env) {
		e.refused(e.FS.Mkdir(e.at("iscsi", e.iqn("none").String(), "tpgt_1")), syscall.ENOENT)
	}},
	{"a folder cannot be made where the kernel makes them", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Mkdir(e.tpg("a", "attrib", "x")), syscall.EPERM)
		e.refused(e.FS.Mkdir(e.tpg("a", "x")), syscall.EPERM)
	}},
	{"a folder that came with its parent cannot be removed", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Rmdir(e.tpg("a", "lun")), syscall.EPERM)
		e.refused(e.FS.Rmdir(e.at("core")), syscall.EPERM)
	}},
	{"a folder with something made in it cannot be removed", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Rmdir(e.at("iscsi", e.iqn("a").String())), syscall.ENOTEMPTY)
		e.ok(e.FS.Mkdir(e.tpg("a", "lun", "lun_0")))
		e.refused(e.FS.Rmdir(e.tpg("a")), syscall.ENOTEMPTY)
	}},
	{"an attribute cannot be removed or made", func(e *Env) {
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Remove(e.tpg("a", "enable")), syscall.EPERM)
		e.refused(e.FS.WriteFile(e.tpg("a", "nothing"), "1"), syscall.ENOENT)
		_, err := e.FS.ReadFile(e.tpg("a", "attrib", "nothing"))
		e.refused(err, syscall.ENOENT)
	}},
	{"what is not there cannot be removed", func(e *Env) {
		e.refused(e.FS.Rmdir(e.at("iscsi", e.iqn("none").String())), syscall.ENOENT)
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.ok(e.FS.Mkdir(e.tpg("a", "lun", "lun_0")))
		e.refused(e.FS.Remove(e.tpg("a", "lun", "lun_0", "x")), syscall.ENOENT)
	}},
	{"an attribute that is only read cannot be written, one that is only written not read", func(e *Env) {
		dir := e.store("ro", 0)
		e.refused(e.FS.WriteFile(path.Join(dir, "info"), "x"), syscall.EACCES)
		_, err := e.FS.ReadFile(path.Join(dir, "control"))
		e.refused(err, syscall.EACCES)
	}},
	{"a link can be made in a LUN only", func(e *Env) {
		dir := e.store("l", 0)
		e.ok(e.FS.Mkdir(e.at("iscsi", e.iqn("a").String())))
		e.ok(e.FS.Mkdir(e.tpg("a")))
		e.refused(e.FS.Symlink(dir, e.tpg("a", "lun", "x")), syscall.EPERM)
	}},
}

// backstoreRows are what the target core does.
var backstoreRows = []Row{
	{"a backstore without a device cannot be enabled", func(e *Env) {
		hba := e.at("core", "iblock_900001")
		e.ok(e.FS.Mkdir(hba))
		dir := path.Join(hba, "empty")
		e.ok(e.FS.Mkdir(dir))
		defer func() { e.ok(e.FS.Rmdir(dir)); e.ok(e.FS.Rmdir(hba)) }()
		e.refused(e.FS.WriteFile(path.Join(dir, "enable"), "1"), syscall.EINVAL)
		e.reads(path.Join(dir, "enable"), "0\n")
		e.reads(path.Join(dir, "udev_path"), "")
	}},
	{"a backstore on a device that is not there cannot be enabled", func(e *Env) {
		hba := e.at("core", "iblock_900002")
		e.ok(e.FS.Mkdir(hba))
		dir := path.Join(hba, "none")
		e.ok(e.FS.Mkdir(dir))
		defer func() { e.ok(e.FS.Rmdir(dir)); e.ok(e.FS.Rmdir(hba)) }()
		e.ok(e.FS.WriteFile(path.Join(dir, "control"), "udev_path="+e.Devices+"/does-not-exist"))
		e.refused(e.FS.WriteFile(path.Join(dir, "enable"), "1"), syscall.ENOENT)
	}},
	{"a device is held by one backstore only", func(e *Env) {
		e.store("first", 0)
		hba := e.at("core", "iblock_900003")
		e.ok(e.FS.Mkdir(hba))
		dir := path.Join(hba, "second")
		e.ok(e.FS.Mkdir(dir))
		defer func() { e.ok(e.FS.Rmdir(dir)); e.ok(e.FS.Rmdir(hba)) }()
		e.ok(e.FS.WriteFile(path.Join(dir, "control"), "udev_path="+e.Paths[0]))
		e.refused(e.FS.WriteFile(path.Join(dir, "enable"), "1"), syscall.EBUSY)
	}},
	{"an enabled backstore keeps its device, and is not enabled twice", func(e *Env) {
		dir := e.store("kept", 0)
		e.refused(e.FS.WriteFile(path.Join(dir, "control"), "udev_path="+e.Paths[1]), syscall.EEXIST)
		e.refused(e.FS.WriteFile(path.Join(dir, "enable"), "1"), syscall.EEXIST)
		e.refused(e.FS.WriteFile(path.Join(dir, "enable"), "0"), syscall.EINVAL)
		e.reads(path.Join(dir, "enable"), "1\n")
		e.reads(path.Join(dir, "udev_path"), e.Paths[0]+"\n")
	}},
	{"a serial reads back in the kernel's own words", func(e *Env) {
		dir := e.store("serial", 0)
		e.ok(e.FS.WriteFile(path.Join(dir, "wwn", "vpd_unit_serial"), "0123-abcd\n"))
		e.reads(path.Join(dir, "wwn", "vpd_unit_serial"), "T10 VPD Unit Serial Number: 0123-abcd\n")
	}},
	{"attributes read back as numbers", func(e *Env) {
		dir := e.store("attr", 0)
		e.ok(e.FS.WriteFile(path.Join(dir, "attrib", "emulate_3pc"), "no"))
		e.reads(path.Join(dir, "attrib", "emulate_3pc"), "0\n")
		e.refused(e.FS.WriteFile(path.Join(dir, "attrib", "emulate_3pc"), "maybe"), syscall.EINVAL)
		e.refused(e.FS.WriteFile(path.Join(dir, "attrib", "max_unmap_lba_count"), "many"), syscall.EINVAL)
		e.refused(e.FS.WriteFile(path.Join(dir, "attrib", "hw_block_size"), "512"), syscall.EACCES)
	}},
	{"an adapter is of a plugin and has a number", func(e *Env) {
		e.refused(e.FS.Mkdir(e.at("core", "iblock")), syscall.EINVAL)
		e.refused(e.FS.Mkdir(e.at("core", "iblock_x")), syscall.EINVAL)
		e.refused(e.FS.Mkdir(e.at("core", "nosuchplugin_0")), syscall.EINVAL)
	}},
}
