package vms

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func TestAnAdoptionShowsEveryDiskThatTheVMHasBeyondThePlatforms(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":112,"name":"cp-112","virtio0":"local-zfs:8","scsi3":"local-zfs:2","sata1":"local-zfs:1","ide2":"local-zfs:cloudinit","boot":"order=virtio0"}`)
	n.admin("PUT", "/nodes/pve/qemu/112/config", `{"delete":"sata1"}`)
	n.admin("POST", "/nodes/pve/storage/local-zfs/content", `{"vmid":112,"filename":"vm-112-backup-of-mine","size":"1G"}`)
	s, ctx := spec(112), t.Context()
	a, err := n.LookAdopt(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(a.Finding.Notes, "\n") + "\n" + fmt.Sprint(a.Finding.Differences)
	for _, want := range []string{"virtio0 is not declared", "scsi3 is not declared", "unused0 is not declared", "local-zfs:vm-112-backup-of-mine has the VM's number", "recreate scsi0", `boot: is "virtio0"`} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	before := n.conf(112)
	if err := n.Adopt(ctx, s, a); err != nil {
		t.Fatal(err)
	}
	after := n.conf(112)
	delete(before, "digest")
	delete(after, "digest")
	for name := range after {
		if before[name] != after[name] && name != "tags" {
			t.Errorf("the adoption changed %s from %q to %q", name, before[name], after[name])
		}
	}
	if _, err := n.Apply(ctx, s); err != nil {
		t.Fatal(err)
	}
	now := n.conf(112)
	for _, disk := range []string{"virtio0", "scsi3", "unused0", "boot"} {
		if now[disk] != before[disk] {
			t.Errorf("the apply changed %s from %q to %q", disk, before[disk], now[disk])
		}
	}
	if f, err := n.Look(ctx, s); err != nil || !slices.ContainsFunc(f.Differences, func(x Difference) bool { return x.Object == "scsi0" && x.Effect == EffectRecreate }) {
		t.Errorf("after the apply: %v, %v", f.Differences, err)
	}
}
