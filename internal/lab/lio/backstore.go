package lio

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// backstore is a struct se_device of the iblock plugin.
type backstore struct {
	name     string
	device   string // control's udev_path=
	shown    string // the udev_path attribute
	claimed  string // the device that it has open
	enabled  bool
	serial   string
	exports  int // LUNs that link to it (export_count)
	readonly bool
}

// attrib is the table of dev_attrib: default, and how it is written.
// b: boolean, n: number, r: read-only, s: ignored by the kernel (deprecated).
var attrib = map[string]struct {
	first uint64
	how   byte
	fixed bool // not while it is exported
}{
	"alua_support": {1, 'r', false}, "block_size": {512, 'n', true}, "emulate_3pc": {1, 'b', false}, "emulate_caw": {1, 'b', false},
	"emulate_dpo": {1, 's', false}, "emulate_fua_read": {1, 's', false}, "emulate_fua_write": {1, 'b', false}, "emulate_model_alias": {0, 'b', true},
	"emulate_pr": {1, 'b', true}, "emulate_rest_reord": {0, 'z', false}, "emulate_rsoc": {1, 'b', false}, "emulate_tas": {1, 'b', true},
	"emulate_tpu": {0, 'd', false}, "emulate_tpws": {0, 'd', false}, "emulate_ua_intlck_ctrl": {0, 'n', true}, "emulate_write_cache": {0, 'w', false},
	"enforce_pr_isids": {1, 'b', false}, "force_pr_aptpl": {0, 'b', true}, "hw_block_size": {512, 'r', false}, "hw_max_sectors": {8192, 'r', false},
	"hw_pi_prot_type": {0, 'r', false}, "hw_queue_depth": {128, 'r', false}, "is_nonrot": {1, 'b', false}, "max_unmap_block_desc_count": {1, 'n', false},
	"max_unmap_lba_count": {8192, 'n', false}, "max_write_same_len": {65535, 'n', false}, "optimal_sectors": {8192, 'n', true}, "pgr_support": {1, 'r', false},
	"pi_prot_format": {0, 's', false}, "pi_prot_type": {0, 'z', false}, "pi_prot_verify": {0, 's', false}, "queue_depth": {128, 'n', true},
	"submit_type": {0, 'n', false}, "unmap_granularity": {32, 'n', false}, "unmap_granularity_alignment": {0, 'n', false}, "unmap_zeroes_data": {0, 'b', true},
}

// makeHBA is target_core_call_addhbatotarget.
func makeHBA(t *Tree, up *dir, name string) error {
	if len(name) >= 64 {
		return syscall.ENAMETOOLONG
	}
	plugin, number, found := strings.Cut(name, "_")
	if !found {
		return syscall.EINVAL
	}
	if _, err := strconv.ParseUint(number, 0, 64); err != nil {
		return syscall.EINVAL
	}
	if plugin != "iblock" || !t.modules["target_core_iblock"] {
		return syscall.EINVAL // no such backend
	}
	d := newDir(up, name, kindHBA, false)
	d.readOnly("hba_info", fmt.Sprintf("HBA Index: %s plugin: %s version: v5.0\n", number, plugin))
	d.readOnly("hba_mode", "0\n")
	return nil
}

func makeBackstore(t *Tree, up *dir, name string) error {
	d := newDir(up, name, kindBackstore, false)
	b := &backstore{name: name}
	d.object = b
	d.add("udev_path", file{show: func() string { return line(b.shown) }, store: b.setShown})
	d.add("control", file{store: b.control})
	d.add("enable", file{show: func() string { return flag(b.enabled) }, store: func(text string) error { return t.configure(b, text) }})
	d.add("alias", file{show: func() string { return "" }, store: func(string) error { return nil }})
	d.add("info", file{quiet: true, show: b.info})
	a := d.group("attrib", kindPlain)
	for attribute := range attrib {
		b.addAttribute(a, attribute)
	}
	w := d.group("wwn", kindPlain)
	w.add("vpd_unit_serial", file{show: func() string { return "T10 VPD Unit Serial Number: " + b.serial + "\n" }, store: b.setSerial})
	for _, g := range []string{"pr", "alua", "statistics"} {
		d.group(g, kindPlain)
	}
	return nil
}

func (b *backstore) setShown(text string) error {
	if len(text) > 511 || text == "" {
		return syscall.EINVAL
	}
	b.shown = strings.TrimSuffix(text, "\n")
	return nil
}

// control is iblock_set_configfs_dev_params: unknown options are ignored.
func (b *backstore) control(text string) error {
	for _, option := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "udev_path":
			if b.enabled {
				return syscall.EEXIST
			}
			if value == "" {
				return syscall.EINVAL
			}
			b.device = value[:min(len(value), 511)]
		case "readonly":
			n, err := strconv.ParseUint(value, 0, 64)
			if err != nil {
				return syscall.EINVAL
			}
			b.readonly = n != 0
		}
	}
	return nil
}

// configure is target_configure_device with iblock_configure_device.
func (t *Tree) configure(b *backstore, text string) error {
	switch {
	case !strings.Contains(text, "1"):
		return syscall.EINVAL
	case b.enabled:
		return syscall.EEXIST
	case b.device == "":
		return syscall.EINVAL
	}
	device, err := t.o.Device(b.device)
	if err != nil {
		return err
	}
	if t.devices[device] != nil {
		return syscall.EBUSY
	}
	t.devices[device] = b
	b.claimed, b.enabled = device, true
	return nil
}

func (b *backstore) setSerial(text string) error {
	switch {
	case len(text) >= 254:
		return syscall.EOVERFLOW
	case b.exports > 0:
		return syscall.EINVAL
	}
	b.serial = strings.TrimSpace(text)
	return nil
}

func (b *backstore) addAttribute(d *dir, name string) {
	spec := attrib[name]
	v := &value{n: spec.first}
	f := file{show: v.show}
	switch spec.how {
	case 'r':
	case 's':
		f.store = func(string) error { return nil }
	default:
		f.store = func(text string) error {
			parse := boolean
			if spec.how == 'n' {
				parse = u32
			}
			n, err := parse(text)
			if err != nil {
				return err
			}
			if err := b.allowed(name, spec.how, n); err != nil {
				return err
			}
			if spec.fixed && b.exports > 0 {
				return syscall.EINVAL
			}
			v.n = n
			return nil
		}
	}
	d.add(name, f)
}

// allowed are the rules of single attributes.
func (b *backstore) allowed(name string, how byte, n uint64) error {
	switch {
	case how == 'd' && n == 1 && !b.enabled:
		return syscall.ENOSYS // discard is known only when the device is open
	case how == 'z' && n != 0:
		return syscall.ENOSYS
	case how == 'w' && n != 0:
		return syscall.EINVAL
	case name == "block_size" && n != 512 && n != 1024 && n != 2048 && n != 4096:
		return syscall.EINVAL
	case name == "queue_depth" && (n == 0 || n > attrib["hw_queue_depth"].first):
		return syscall.EINVAL
	case name == "optimal_sectors" && n > attrib["hw_max_sectors"].first:
		return syscall.EINVAL
	case name == "emulate_ua_intlck_ctrl" && n > 2:
		return syscall.EINVAL
	}
	return nil
}

func (b *backstore) info() string {
	status := "DEACTIVATED"
	if b.exports > 0 {
		status = "ACTIVATED"
	}
	return fmt.Sprintf("Status: %s  Max Queue Depth: 128  SectorSize: 512  HwMaxSectors: 8192\n        iBlock device: %s  UDEV PATH: %s  readonly: 0\n", status, b.claimed, b.device)
}

func line(text string) string {
	if text == "" {
		return ""
	}
	return text + "\n"
}

func flag(on bool) string {
	if on {
		return "1\n"
	}
	return "0\n"
}
