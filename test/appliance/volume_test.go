package appliance

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
)

// sum is what a mounted volume holds, read from its disk and not from memory.
func sum(t *testing.T, vm *VM, folder string) string {
	t.Helper()
	return run(t, vm, "set -e; sync; echo 3 >/proc/sys/vm/drop_caches; cd "+folder+"; sha256sum data")
}

// What a claim lives through, as its node and democratic-csi see it: the
// requests come in as the driver sends them, the disk is open-iscsi's.
func TestAVolumeOfTheDaemonLivesThroughEverythingThatAClaimDoes(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	applied(t, vm)
	d := controller(t, vm)

	provision(t, func() error { return d.CreateVolume("pvc-1", 256*csigatetest.MiB) })
	disk := logIn(t, vm, d, "pvc-1")
	run(t, vm, "set -e; mkfs.ext4 -q "+disk+"; mkdir -p /mnt/1 /mnt/2; mount "+disk+" /mnt/1; dd if=/dev/urandom of=/mnt/1/data bs=1M count=24 status=none")
	first := sum(t, vm, "/mnt/1")

	killDaemon(t, vm)
	if got := sum(t, vm, "/mnt/1"); got != first {
		t.Errorf("after the daemon was killed the volume holds %q, written was %q", got, first)
	}
	d = controller(t, vm)

	t.Log("expanded while mounted")
	if err := d.ExpandVolume("pvc-1", 512*csigatetest.MiB); err != nil {
		t.Fatal(err)
	}
	run(t, vm, "iscsiadm -m session --rescan >/dev/null")
	eventually(t, vm, "test $(blockdev --getsize64 "+disk+") -eq 536870912")
	run(t, vm, "resize2fs "+disk+" 2>&1")
	if blocks := run(t, vm, "stat -f -c '%b %S' /mnt/1 | awk '{ print int($1 * $2 / 1048576) }'"); len(blocks) != 3 || blocks < "450" {
		t.Errorf("the file system was grown to 512 MiB and has %s MiB", blocks)
	}
	if got := sum(t, vm, "/mnt/1"); got != first {
		t.Errorf("after it was expanded the volume holds %q, written was %q", got, first)
	}

	if err := d.CreateSnapshot("pvc-1", "snap-1", false); err != nil {
		t.Fatal(err)
	}
	run(t, vm, "dd if=/dev/urandom of=/mnt/1/data bs=1M count=24 status=none && sync")
	second := sum(t, vm, "/mnt/1")
	provision(t, func() error { return d.CreateVolumeFromSnapshot("pvc-2", 512*csigatetest.MiB, "pvc-1@snap-1", false) })
	// Two file systems with one UUID is nothing to ext4.
	run(t, vm, "mount "+logIn(t, vm, d, "pvc-2")+" /mnt/2")
	if got := sum(t, vm, "/mnt/2"); got != first || first == second {
		t.Errorf("the clone holds %q, its snapshot was taken of %q", got, first)
	}
	run(t, vm, "umount /mnt/2")
	logOut(t, vm, d, "pvc-2")

	// With the session open and the file system mounted.
	if err := d.DeleteVolume("pvc-1"); err == nil || !strings.Contains(err.Error(), "is logged in") {
		t.Errorf("a volume that a node uses was deleted, or not refused for that: %v", err)
	}

	// This host is its own node: a shutdown would wait for a disk whose network is
	// down already.
	run(t, vm, "umount /mnt/1")
	logOut(t, vm, d, "pvc-1")
	if err := vm.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	d = controller(t, vm)
	t.Log(run(t, vm, "journalctl -b -u waddled -o cat | grep 'targets restored'"))
	run(t, vm, "mount "+logIn(t, vm, d, "pvc-1")+" /mnt/1")
	if got := sum(t, vm, "/mnt/1"); got != second {
		t.Errorf("after a reboot the volume holds %q, written was %q", got, second)
	}
	run(t, vm, "umount /mnt/1")
	logOut(t, vm, d, "pvc-1")

	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"the clone", func() error { return d.DeleteVolume("pvc-2") }},
		{"the snapshot", func() error { return d.DeleteSnapshot("pvc-1@snap-1") }},
		{"the volume", func() error { return d.DeleteVolume("pvc-1") }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("cannot delete %s: %v", step.name, err)
		}
	}
	if left := run(t, vm, "zfs list -H -t all -o name -r "+storageRoot+"/v | tail -n +2; ls -d /sys/kernel/config/target/iscsi/iqn.* /sys/kernel/config/target/core/*/pvc-* 2>/dev/null; true"); left != "" {
		t.Errorf("everything was deleted, this is left:\n%s", left)
	}
	t.Log("made, written, read back, killed, expanded, snapshotted, cloned, rebooted and deleted; read from the disk each time")
}
