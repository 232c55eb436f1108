package appliance

import (
	"strings"
	"testing"
	"time"
)

// The appliance itself is proven with the stock tools alone, so that a failure
// elsewhere is waddle's.

// exportWithTargetcli makes a volume and exports it as democratic-csi would.
const exportWithTargetcli = `set -e
zfs create -s -V 256M rpool/loop
udevadm settle
targetcli <<'END'
/backstores/block create loop /dev/zvol/rpool/loop
/iscsi create iqn.2026-01.social.waddle:loop
/iscsi/iqn.2026-01.social.waddle:loop/tpg1/luns create /backstores/block/loop
/iscsi/iqn.2026-01.social.waddle:loop/tpg1 set attribute authentication=0 generate_node_acls=1 demo_mode_write_protect=0 cache_dynamic_acls=1
/iscsi/iqn.2026-01.social.waddle:loop/tpg1/portals delete 0.0.0.0 3260
/iscsi/iqn.2026-01.social.waddle:loop/tpg1/portals create 10.10.0.1 3260
saveconfig
END
`

const login = `set -e
iscsiadm -m discovery -t sendtargets -p 10.10.0.1:3260
iscsiadm -m node -T iqn.2026-01.social.waddle:loop -p 10.10.0.1:3260 --login
for n in $(seq 600); do
	for disk in /dev/disk/by-path/*social.waddle:loop-lun-0; do
		[ -b "$disk" ] && exec readlink -f "$disk"
	done
	sleep 0.1
done
echo "no disk appeared within a minute" >&2
exit 1
`

func TestAVolumeGoesRoundTheLoop(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	t.Log(run(t, vm, exportWithTargetcli))
	said := run(t, vm, login)
	disk := said[strings.LastIndex(said, "\n")+1:]
	if !strings.HasPrefix(disk, "/dev/sd") {
		t.Fatalf("after the login the disk is %q, want /dev/sd…:\n%s", disk, said)
	}
	sum := run(t, vm, `set -e
		mkfs.ext4 -q `+disk+`
		mount `+disk+` /mnt
		dd if=/dev/urandom of=/mnt/data bs=1M count=32 status=none
		sync
		sha256sum /mnt/data`)

	// Read past the initiator's cache, from the zvol, and after a power cut.
	run(t, vm, `umount /mnt && iscsiadm -m node --logout && zfs snapshot rpool/loop@written && zfs clone rpool/loop@written rpool/copy && udevadm settle`)
	if got := run(t, vm, `mount -o ro /dev/zvol/rpool/copy /mnt && sha256sum /mnt/data && umount /mnt`); got != sum {
		t.Errorf("a clone of the zvol holds %q, written was %q", got, sum)
	}
	began := time.Now()
	vm.Kill()
	if err := vm.PowerOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("a power cut and the boot after it: %.1f s", time.Since(began).Seconds())
	// Stock targetcli restores at boot before there are zvols, and so loses the
	// LUN; again, now that they are there.
	run(t, vm, "targetctl restore")
	said = run(t, vm, login)
	disk = said[strings.LastIndex(said, "\n")+1:]
	if got := run(t, vm, `mount -o ro `+disk+` /mnt && sha256sum /mnt/data`); got != sum {
		t.Errorf("after a power cut the disk holds %q, written was %q", got, sum)
	}
}
