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
