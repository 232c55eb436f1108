package vms

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// Proxmox deletes every disk with a VM's number in its name, whoever made it.
func TestDisksThatAnEarlierVMLeftUnderTheNumberAreNeverTakenOverNorDeleted(t *testing.T) {
	t.Parallel()
	for _, disk := range []string{"vm-110-disk-0", "vm-110-cloudinit"} {
		t.Run(disk, func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			n.admin("POST", "/nodes/pve/storage/local-zfs/content", `{"vmid":110,"filename":"`+disk+`","size":"4G"}`)
			s, ctx := spec(110), t.Context()
			_, looked := n.Look(ctx, s)
			_, made := n.Ensure(ctx, s, Consent{})
			for _, err := range []error{looked, made} {
				if !Is(err, KindLeftover) || !strings.Contains(err.Error(), "pvesm free local-zfs:"+disk) {
					t.Errorf("%v", err)
				}
			}
			if left := n.left(); left != "disk local-zfs:"+disk+"\n" {
				t.Errorf("after a create that was refused:\n%s", left)
			}
			n.ensure(spec(111))
			if err := n.Clone(ctx, "cp-111", Clone{Name: "cp-110", ID: 110}); !Is(err, KindLeftover) {
				t.Errorf("a copy: %v", err)
			}
			if err := n.Delete(ctx, "cp-111", 0); err != nil {
				t.Error(err)
			}
			n.admin("DELETE", "/nodes/pve/storage/local-zfs/content/"+disk, "")
			n.ensure(s)
			if err := n.Delete(ctx, s.Name, 0); err != nil {
				t.Error(err)
			}
			n.nothingLeft()
		})
	}
}

func TestADeleteThatLeavesDisksSaysWhichAndTheVMIsGone(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	n.inject(pve.Fault{Kind: pve.FaultBusy, VMID: 110})
	if err := n.Delete(ctx, s.Name, 0); !Is(err, KindLeftover) || !strings.Contains(err.Error(), "local-zfs:vm-110-disk-0") {
		t.Errorf("the delete: %v", err)
	}
	if _, there, _ := n.records.Get(s.Name); there || strings.Contains(n.left(), "VM 110") {
		t.Errorf("a VM that is gone is still there: %v\n%s", there, n.left())
	}
	if err := n.Delete(ctx, s.Name, 0); err != nil {
		t.Errorf("deleted again: %v", err)
	}
	if _, err := n.Ensure(ctx, s, Consent{}); !Is(err, KindLeftover) {
		t.Errorf("made anew over the old disks: %v", err)
	}
	if err := n.Clear(""); err != nil {
		t.Fatal(err)
	}
	for _, disk := range []string{"vm-110-disk-0", "vm-110-cloudinit"} {
		n.admin("DELETE", "/nodes/pve/storage/local-zfs/content/"+disk, "")
	}
	n.ensure(s)
}
