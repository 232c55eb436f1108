package vms

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// plan is what differs, and what would be sent to change it.
type plan struct {
	found Finding
	set   map[string]string
	drop  []string
	grow  map[string]int // disks to enlarge, to how many GiB
}

func (p *plan) add(x Difference) { p.found.Differences = append(p.found.Differences, x) }

// compare holds a VM that is ours against its Spec.
func (s Spec) compare(v *vm, rec Record, tag string) *plan {
	p := &plan{found: Finding{Exists: true, Running: v.running, Lock: v.next["lock"]}, set: map[string]string{}, grow: map[string]int{}}
	managed := map[string]bool{}
	for _, opt := range append(s.options(tag), s.surplus(v)...) {
		managed[opt.name] = true
		p.option(v, opt, rec)
	}
	for i, disk := range s.Disks {
		managed[disk.Slot] = true
		p.disk(v, disk, i == 0, rec)
	}
	if s.EFIStorage != "" {
		managed["efidisk0"] = true
		p.drive(v, "efidisk0", s.EFIStorage, s.efi())
	}
	if ci := s.CloudInit; ci != nil {
		managed[ci.Slot] = true
		p.drive(v, ci.Slot, ci.Storage, ci.Storage+":cloudinit")
	}
	p.bootable(v)
	p.notes(v, managed)
	slices.SortStableFunc(p.found.Differences, func(a, b Difference) int { return cmp.Compare(a.Object, b.Object) })
	return p
}

// surplus are the cards and addresses that the VM has beyond those of the Spec.
func (s Spec) surplus(v *vm) []option {
	var all []option
	there := v.all()
	for name := range v.stale { // those that were taken out and are on the drive still
		there[name] = ""
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if n, is := index(name, "net"); is && n >= len(s.NICs) {
			all = append(all, option{name: name, effect: EffectLive, normal: card})
		}
		if n, is := index(name, "ipconfig"); is && s.CloudInit != nil && n >= len(s.CloudInit.Addresses) {
			all = append(all, option{name: name, effect: EffectReboot, guest: true, normal: anyOrder})
		}
	}
	return all
}

const waitsForBoot = "it is set and waits for the VM to boot"

func (p *plan) option(v *vm, opt option, rec Record) {
	now, next := v.now[opt.name], v.next[opt.name]
	x := Difference{Object: opt.name, Is: opt.value(now), Want: opt.value(opt.want), Effect: opt.effect}
	switch {
	case !v.running:
		x.Effect = EffectLive
	case opt.name == "balloon" && (now != "0") == (opt.want != "0"):
		x.Effect = EffectLive // only the balloon itself comes and goes with a boot
	}
	waits := opt.same(next) && !opt.same(now)
	switch {
	// What a change that failed in the middle has noted is sent again: Proxmox then does it.
	case !opt.same(next), waits && v.takesNow(opt, x.Effect):
		if x.Is == x.Want { // it waits to become something else
			x.Is = opt.value(next)
		}
		if opt.want == "" {
			p.drop = append(p.drop, opt.name)
		} else {
			p.set[opt.name] = opt.want
		}
	case waits, opt.guest && v.running && (v.stale[opt.name] || rec.hasNotRead(opt.name, v.pid)):
		if opt.same(now) {
			x.Is = "" // what the guest has is not known
		}
		x.Effect, x.Waits, x.Note = EffectReboot, true, waitsForBoot
	default:
		return
	}
	p.add(x)
}

// takesNow tells whether a VM takes a setting at once that waits for its start.
func (v *vm) takesNow(opt option, effect Effect) bool {
	if _, is := index(opt.name, "net"); is && v.running {
		return v.hotplug("network")
	}
	return !v.running || opt.guest || effect == EffectLive
}

// hotplug tells whether devices of a kind come and go while the VM runs.
func (v *vm) hotplug(kind string) bool {
	switch list := v.now["hotplug"]; list {
	case "", "1":
		return true // Proxmox's default: network, disk, usb
	case "0":
		return false
	default:
		return slices.Contains(strings.Split(list, ","), kind)
	}
}

// disk compares a disk. What would cost its content is only said.
func (p *plan) disk(v *vm, disk Disk, boot bool, rec Record) {
	text, there := v.next[disk.Slot]
	want := fmt.Sprintf("%d GiB on %s", disk.Size, disk.Storage)
	if !there {
		x := Difference{Object: disk.Slot, Want: want, Effect: v.takes(hotplugs(disk.Slot))}
		if boot || disk.Image != "" {
			x.Effect, x.Note = EffectRecreate, "the disk with the system is not attached any more"
		} else {
			p.set[disk.Slot] = disk.create()
		}
		p.add(x)
		return
	}
	if v.now[disk.Slot] == "" { // it was made, and is to be plugged in
		x := Difference{Object: disk.Slot, Want: want, Effect: v.takes(hotplugs(disk.Slot))}
		if x.Effect == EffectLive && (!v.running || v.hotplug("disk")) {
			p.set[disk.Slot] = text
		} else {
			x.Effect, x.Waits, x.Note = EffectReboot, true, waitsForBoot
		}
		p.add(x)
		return
	}
	is := parseProps(text, "file")
	storage, _, _ := strings.Cut(is["file"], ":")
	if storage != disk.Storage {
		p.add(Difference{Object: disk.Slot + " storage", Is: storage, Want: disk.Storage, Effect: EffectRecreate, Note: "its content would have to be moved: Proxmox does that in the VM's hardware view"})
	}
	if from := rec.Images[disk.Slot]; from != disk.Image && !(rec.Adopted && from == "") {
		p.add(Difference{Object: disk.Slot + " image", Is: from, Want: disk.Image, Effect: EffectRecreate})
	}
	p.size(v, disk, is["size"])
	p.flags(v, disk, is)
}

func (p *plan) size(_ *vm, disk Disk, text string) {
	is, want := bytesOf(text), int64(disk.Size)<<30
	x := Difference{Object: disk.Slot + " size", Is: text, Want: fmt.Sprintf("%dG", disk.Size), Effect: EffectLive}
	switch {
	case is == want:
		return
	case is > want:
		x.Effect, x.Note = EffectRecreate, "a disk cannot shrink"
	default:
		p.grow[disk.Slot] = disk.Size
	}
	p.add(x)
}

func (p *plan) flags(v *vm, disk Disk, next props) {
	now, want := parseProps(v.now[disk.Slot], "file"), disk.flags()
	for _, name := range []string{"discard", "iothread", "ssd"} {
		x := Difference{Object: disk.Slot + " " + name, Is: now[name], Want: want[name], Effect: v.takes(EffectReboot)}
		switch {
		case off(next[name]) != off(want[name]):
			changed := maps.Clone(next)
			if earlier := p.set[disk.Slot]; earlier != "" {
				changed = parseProps(earlier, "file")
			}
			delete(changed, name)
			if want[name] != "" {
				changed[name] = want[name]
			}
			p.set[disk.Slot] = changed.print("file")
		case off(now[name]) != off(want[name]):
			x.Effect, x.Waits, x.Note = EffectReboot, true, waitsForBoot
		default:
			continue
		}
		p.add(x)
	}
}

// off: no value, and the ways of saying no, are the same.
func off(value string) string {
	if value == "0" || value == "ignore" {
		return ""
	}
	return value
}

// drive compares a drive of which only the storage counts.
func (p *plan) drive(v *vm, slot, storage, create string) {
	is, _, _ := strings.Cut(v.next[slot], ":")
	cloudinit := strings.HasSuffix(create, ":cloudinit")
	if is == storage && (!cloudinit || strings.Contains(v.next[slot], "cloudinit")) {
		switch {
		case v.now[slot] != "":
		case v.running:
			p.add(Difference{Object: slot, Want: storage, Effect: EffectReboot, Waits: true, Note: waitsForBoot})
		default:
			p.set[slot] = v.next[slot]
			p.add(Difference{Object: slot, Want: storage, Effect: EffectLive})
		}
		return
	}
	x := Difference{Object: slot, Is: v.next[slot], Want: storage, Effect: v.takes(EffectReboot)}
	if is != "" && !cloudinit {
		x.Effect, x.Note = EffectRecreate, "its content would be lost"
	} else {
		p.set[slot] = create
	}
	p.add(x)
}

// bootable takes the boot order out of what is sent when it names a disk that is not
// there: Proxmox would refuse all of it.
func (p *plan) bootable(v *vm) {
	for _, dev := range strings.Split(bootOrder(p.set["boot"]), ";") {
		if dev == "" || v.next[dev] != "" || p.set[dev] != "" {
			continue
		}
		delete(p.set, "boot")
		for i, x := range p.found.Differences {
			if x.Object == "boot" {
				p.found.Differences[i].Effect, p.found.Differences[i].Note = EffectRecreate, dev+" is not there"
			}
		}
		return
	}
}

// hotplugs is the effect of a new disk: SCSI and virtio take one while the VM runs.
func hotplugs(slot string) Effect {
	if strings.HasPrefix(slot, "scsi") || strings.HasPrefix(slot, "virtio") {
		return EffectLive
	}
	return EffectReboot
}

// takes is the effect of a change: a VM that is off takes all at once.
func (v *vm) takes(e Effect) Effect {
	if !v.running {
		return EffectLive
	}
	return e
}

// proxmoxOwn are the options that Proxmox keeps for itself, or that say who a VM is.
var proxmoxOwn = []string{"digest", "meta", "vmgenid", "smbios1", "parent", "lock", "description", "startup"}

func (p *plan) notes(v *vm, managed map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(v.next)) {
		if managed[name] || slices.Contains(proxmoxOwn, name) {
			continue
		}
		p.found.Notes = append(p.found.Notes, fmt.Sprintf("%s is not declared and is left alone: %s", name, v.next[name]))
	}
}
