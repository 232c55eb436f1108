package pve

import (
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

var cloudinitOptions = []string{"cicustom", "cipassword", "citype", "ciuser", "ciupgrade", "nameserver", "searchdomain", "sshkeys"}

// fast are the options that a running VM does not notice.
var fast = []string{"description", "hookscript", "lock", "migrate_downtime", "migrate_speed", "name", "onboot", "protection", "shares", "startup", "tags", "vmstatestorage"}

// live tells whether a change of an option takes effect on a running VM at once. value is "" for
// an option that is taken out.
func (v *vm) live(opt, value string) bool {
	feature := func(name string) bool {
		list := v.Config["hotplug"]
		if list == "" || list == "1" {
			list = "network,disk,usb"
		}
		return slices.Contains(schema.List(list), name)
	}
	switch {
	case slices.Contains(fast, opt), onCloudinit(opt), opt == "cpulimit", opt == "cpuunits", strings.HasPrefix(opt, "unused"):
		return true
	case opt == "balloon":
		// The ballooning device itself cannot come or go.
		return value != "" && (v.Config["balloon"] == "0") == (value == "0")
	case opt == "vcpus":
		return feature("cpu")
	case opt == "memory":
		return feature("memory")
	case opt == "hotplug":
		return !strings.Contains(value+v.Config["hotplug"], "cpu") && !strings.Contains(value+v.Config["hotplug"], "memory")
	case opt == "agent":
		return agentKind(value) == agentKind(v.Config["agent"])
	case opt == "tablet":
		return feature("usb")
	case strings.HasPrefix(opt, "usb"):
		return feature("usb") && v.Config["ostype"] == "l26"
	case netName.MatchString(opt):
		return v.liveNet(opt, value, feature("network"))
	case isDrive(opt):
		return v.liveDrive(opt, value, feature("disk"))
	}
	return false
}

// agentKind is the part of the agent's setting that QEMU's command line has.
func agentKind(text string) string {
	a, _ := schema.Agent.Parse("agent", text)
	return a["enabled"] + a["type"]
}

// liveNet: with network hotplug a card can come, go and change; without it only what needs no
// new card (bridge, tag, rate, firewall, link) can.
func (v *vm) liveNet(opt, value string, hotplug bool) bool {
	if hotplug {
		return true
	}
	if value == "" || v.Config[opt] == "" {
		return false
	}
	a, _ := schema.Net.Parse(opt, v.Config[opt])
	b, _ := schema.Net.Parse(opt, value)
	return a["model"] == b["model"] && strings.EqualFold(a["macaddr"], b["macaddr"]) && a["queues"] == b["queues"] && a["mtu"] == b["mtu"]
}

func (v *vm) liveDrive(opt, value string, hotplug bool) bool {
	old, now := drive{}, drive{}
	if v.Config[opt] != "" {
		old = mustDrive(opt, v.Config[opt])
	}
	if value != "" {
		now = mustDrive(opt, value)
	}
	switch {
	case opt == "efidisk0" || opt == "tpmstate0":
		return false
	case old.cdrom() && now.cdrom(): // another medium
		return true
	case value != "" && v.Config[opt] != "" && old["file"] == now["file"]:
		return sameDevice(old, now)
	}
	return hotplug && !strings.HasPrefix(opt, "ide") && !strings.HasPrefix(opt, "sata")
}

// sameDevice: limits and backup flags change live, what the device is made of does not.
func sameDevice(a, b drive) bool {
	for _, k := range []string{"aio", "cache", "discard", "iothread", "queues", "serial", "ssd", "wwn", "ro", "product", "vendor", "scsiblock", "detect_zeroes"} {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}

// applyPending makes what waited for a start true. Server.mu is held, the VM is off.
func (v *vm) applyPending(s *Server) {
	for opt := range v.Dropped {
		_ = v.remove(opt, false, s)
	}
	for opt, value := range v.Pending {
		v.replace(opt, value, s)
	}
	clear(v.Pending)
	clear(v.Dropped)
	v.regenerate()
}
