package opentofu

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms"
)

func machines(node string, specs []vms.Spec) string {
	w := &body{}
	for _, s := range specs {
		w.block(fmt.Sprintf("resource %q %q", resource, label(s.Name)), func(w *body) { machine(w, node, s) })
	}
	return w.String()
}

// machine says what waddled keeps, with the driver's defaults (vms.Spec). What the provider would replace a
// VM for although it is the same is ignored: an import leaves it unknown (bpg/terraform-provider-proxmox,
// issue 1998).
func machine(w *body, node string, s vms.Spec) {
	w.text("name", s.Name)
	if s.Description != "" {
		w.text("description", s.Description)
	}
	w.text("node_name", node)
	w.number("vm_id", s.ID)
	w.texts("tags", tags(s))
	w.text("bios", cmp.Or(s.BIOS, "seabios"))
	w.text("machine", cmp.Or(s.Machine, "q35"))
	w.text("scsi_hardware", cmp.Or(s.SCSI, "virtio-scsi-single"))
	w.yes("on_boot", s.OnBoot)
	w.yes("started", !s.Off)
	// Else the provider boots the VM again, or switches it off, for some of what it changes, without a word in the plan.
	w.yes("reboot_after_update", false)
	boot := s.Boot
	if len(boot) == 0 && len(s.Disks) > 0 {
		boot = []string{slot(s, 0)}
	}
	w.texts("boot_order", boot)
	w.block("operating_system", func(w *body) { w.text("type", cmp.Or(s.OSType, "l26")) })
	w.block("agent", func(w *body) { w.yes("enabled", s.Agent) })
	w.block("cpu", func(w *body) {
		w.number("cores", s.Cores)
		w.text("type", cmp.Or(s.CPU, "host"))
	})
	w.block("memory", func(w *body) {
		w.number("dedicated", s.Memory)
		w.number("floating", s.Balloon)
	})
	for i := range s.Disks {
		disk(w, s, i)
	}
	for _, n := range s.NICs {
		nic(w, n)
	}
	if s.Serial {
		w.block("serial_device", func(*body) {})
	}
	if s.CloudInit != nil {
		cloudInit(w, *s.CloudInit)
	}
	if s.Startup != nil {
		w.block("startup", func(w *body) {
			w.number("order", s.Startup.Order)
			w.number("up_delay", s.Startup.Up)
			w.number("down_delay", s.Startup.Down)
		})
	}
	lifecycle(w, s)
}

// tags are sorted, as Proxmox sorts them: another order would be a difference for ever.
func tags(s vms.Spec) []string {
	return slices.Compact(slices.Sorted(slices.Values(append([]string{"waddle"}, s.Tags...))))
}

func slot(s vms.Spec, i int) string { return cmp.Or(s.Disks[i].Slot, fmt.Sprintf("scsi%d", i)) }

func disk(w *body, s vms.Spec, i int) {
	d := s.Disks[i]
	w.block("disk", func(w *body) {
		w.text("datastore_id", d.Storage)
		w.text("interface", slot(s, i))
		w.number("size", d.Size)
		w.text("file_format", "raw")
		if d.Image != "" {
			w.text("import_from", d.Image)
		}
		if !d.Plain {
			bus := strings.TrimRight(slot(s, i), "0123456789")
			w.text("discard", "on")
			if bus != "virtio" { // which has no such flag
				w.yes("ssd", true)
			}
			if bus == "virtio" || bus == "scsi" {
				w.yes("iothread", true)
			}
		}
	})
}

func nic(w *body, n vms.NIC) {
	w.block("network_device", func(w *body) {
		w.text("bridge", n.Bridge)
		w.text("mac_address", strings.ToUpper(n.MAC))
		w.text("model", cmp.Or(n.Model, "virtio"))
		if n.VLAN != 0 {
			w.number("vlan_id", n.VLAN)
		}
		if n.MTU != 0 {
			w.number("mtu", n.MTU)
		}
	})
}

func lifecycle(w *body, s vms.Spec) {
	var ignored []string
	if s.CloudInit != nil {
		ignored = append(ignored, "initialization")
	}
	for i, d := range s.Disks {
		if d.Image != "" {
			ignored = append(ignored, fmt.Sprintf("disk[%d].import_from", i))
		}
	}
	w.block("lifecycle", func(w *body) {
		w.yes("prevent_destroy", true)
		if len(ignored) > 0 {
			w.set("ignore_changes", "["+strings.Join(ignored, ", ")+"]")
		}
	})
}
