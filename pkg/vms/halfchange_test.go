package vms

import (
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// Proxmox notes what a change wants before it does any of it: of one that fails in the middle the rest waits
// for the VM's next start, though it needs none.
func TestAChangeThatFailedInTheMiddleIsFinishedByTheNextWithoutABoot(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "running", false: "off"}[running], func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			s, ctx := spec(110), t.Context()
			s.Off = !running
			n.ensure(s)
			s.Tags, s.Description = []string{"talos", "more"}, "changed"
			s.NICs[0].Bridge, s.CloudInit.Resolvers = "vmbr0", s.CloudInit.Resolvers[:1]
			s.NICs = append(s.NICs, NIC{Bridge: "vmbr1", MAC: "bc:24:11:00:07:07"})
			s.Disks = append(s.Disks, Disk{Storage: "local-zfs", Size: 1})
			n.inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"})
			if _, err := n.Apply(ctx, s); !Is(err, KindFull) {
				t.Fatalf("into a full pool: %v", err)
			}
			if err := n.Clear(""); err != nil {
				t.Fatal(err)
			}
			f, err := n.Look(ctx, s)
			if err != nil || !slices.ContainsFunc(f.Differences, func(x Difference) bool { return x.Object == "net0" && x.Effect == EffectLive }) {
				t.Errorf("what is left: %v, %v", f.Differences, err)
			}
			out, err := n.Apply(ctx, s)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range out.Reboot {
				if !running || x.Object != "nameserver" { // which a guest reads when it boots
					t.Errorf("it waits for a boot: %v", x)
				}
			}
			if waits := string(n.admin("GET", "/nodes/pve/qemu/110/pending", "")); strings.Contains(waits, `"pending"`) {
				t.Errorf("something waits still: %s", waits)
			}
			if _, err := n.Ensure(ctx, s, Consent{Reboot: true}); err != nil {
				t.Fatal(err)
			}
			if f, err := n.Look(ctx, s); err != nil || len(f.Differences) > 0 {
				t.Errorf("after all that: %v, %v", f.Differences, err)
			}
			if left := n.left(); strings.Count(left, "disk-") != 2 {
				t.Errorf("disks:\n%s", left)
			}
		})
	}
}

// A disk that was made and noted, and not yet plugged in, is plugged in by the next run.
func TestADiskThatWaitsToBePluggedInIsPluggedInAndNotMadeTwice(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	s.Disks = append(s.Disks, Disk{Storage: "local-zfs", Size: 1})
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmconfig", Step: "configure", Times: 1})
	if _, err := n.Apply(ctx, s); err == nil {
		t.Fatal("a change whose task failed")
	}
	if _, err := n.Apply(ctx, s); err != nil {
		t.Fatal(err)
	}
	if f, err := n.Look(ctx, s); err != nil || len(f.Differences) > 0 {
		t.Errorf("%v, %v", f.Differences, err)
	}
	if left := n.left(); strings.Count(left, "disk-") != 2 {
		t.Errorf("disks:\n%s", left)
	}
}
