package vms

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func TestAVMIsMadeAsItIsDeclaredAndThenNothingDiffers(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	before, err := n.Look(t.Context(), s)
	if err != nil || before.Exists || len(before.With(EffectCreate)) != 1 {
		t.Fatalf("before: %+v, %v", before, err)
	}
	if out := n.ensure(s); !out.Created || len(out.Reboot)+len(out.Recreate) > 0 {
		t.Fatalf("made with %+v", out)
	}
	got := n.conf(110)
	for name, want := range map[string]string{
		"name": "cp-110", "cores": "3", "memory": "8192", "balloon": "0", "cpu": "host", "machine": "q35", "scsihw": "virtio-scsi-single",
		"tags": "talos;waddle", "onboot": "1", "agent": "1", "serial0": "socket", "boot": "order=scsi0", "ipconfig0": "gw=10.10.0.1,ip=10.10.0.10/24",
		"scsi0": "local-zfs:vm-110-disk-0,discard=on,iothread=1,size=10G,ssd=1", "nameserver": "1.1.1.1 8.8.8.8", "ciupgrade": "0", "ostype": "l26",
		"net0": "virtio=BC:24:11:00:00:0A,bridge=vmbr1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.Contains(got["ide2"], "cloudinit") || strings.Contains(got["net0"], "firewall") {
		t.Errorf("ide2 is %q, net0 %q", got["ide2"], got["net0"])
	}
	after, err := n.Look(t.Context(), s)
	if err != nil || !after.Running || len(after.Differences)+len(after.Notes) > 0 {
		t.Errorf("afterwards: %+v, %v", after, err)
	}
	if out := n.ensure(s); out.Created || len(out.Changed) > 0 {
		t.Errorf("a second run did %+v", out)
	}
	if err := n.Delete(t.Context(), s.Name, 0); err != nil {
		t.Fatal(err)
	}
	if err := n.Delete(t.Context(), s.Name, 0); err != nil {
		t.Errorf("gone already: %v", err)
	}
	n.nothingLeft()
}

func TestTheTeleportVMOfThePlanIsMadeWithTwoCardsAndPartsOfItsOwn(t *testing.T) {
	n := start(t, pve.Options{})
	n.image("debian-13.qcow2", 3)
	n.snippets("teleport-user-1.yaml", "teleport-network-1.yaml")
	s := teleport()
	n.ensure(s)
	got := n.conf(102)
	for name, want := range map[string]string{
		"net0": "virtio=52:54:00:AA:BB:CC,bridge=vmbr0", "net1": "virtio=BC:24:11:0A:0A:02,bridge=vmbr1", "startup": "order=1,up=15", "bios": "ovmf", "ciupgrade": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.HasPrefix(got["efidisk0"], "local-zfs:vm-102-disk-") || !strings.Contains(got["virtio1"], "size=5G") || !strings.Contains(got["scsi0"], "size=20G") {
		t.Errorf("the disks are %q, %q and %q", got["scsi0"], got["virtio1"], got["efidisk0"])
	}
	if f, err := n.Look(t.Context(), s); err != nil || len(f.Differences)+len(f.Notes) > 0 {
		t.Errorf("afterwards: %+v, %v", f, err)
	}
	renamed := teleport()
	renamed.CloudInit.Custom["user"] = "local:snippets/teleport-user-2.yaml"
	n.snippets("teleport-user-2.yaml")
	out, err := n.Ensure(t.Context(), renamed, Consent{})
	if err != nil || len(out.Reboot) != 1 || out.Reboot[0].Object != "cicustom" || !out.Reboot[0].Waits {
		t.Errorf("another user part: %+v, %v", out, err)
	}
	if err := n.Delete(t.Context(), s.Name, graceDefault); err != nil {
		t.Fatal(err)
	}
	n.nothingLeft()
}
