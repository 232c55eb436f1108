package appliance

import (
	"cmp"
	"os"
	"testing"
)

// The same tables run against the stand-ins in `make test`, so that the two
// cannot drift apart.

// sequence is how many volumes are made one after the other, step is at which
// points a daemon is killed, every so many. A command takes some 0.2 s under
// emulation and a volume 14 of them, so it is few unless set.
const (
	sequence = "WADDLE_CSI_SEQUENCE"
	step     = "WADDLE_CSI_STEP"
)

func TestZFSAgainstItsTable(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	tableOf(t, vm, TestBinary{Package: "./pkg/zfs/zfstest", Env: []string{"WADDLE_ZFS_ROOT=rpool/conformance"}})
}

func TestLIOAndTheConfinedEndpointAgainstTheirTables(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	// Four unused block devices.
	run(t, vm, "zfs create rpool/devices; for n in 1 2 3 4; do zfs create -s -V 64M rpool/devices/$n; done; udevadm settle")
	tableOf(t, vm, TestBinary{Package: "./pkg/iscsi/iscsitest", Env: []string{"WADDLE_ISCSI_DEVICES=/dev/zvol/rpool/devices"}})
	tableOf(t, vm, TestBinary{Package: "./internal/csigate/csigatetest", Env: []string{"WADDLE_CSI_ROOT=rpool/csi", sequence + "=" + cmp.Or(os.Getenv(sequence), "20"), step + "=" + cmp.Or(os.Getenv(step), "9")}})
}

func tableOf(t *testing.T, vm *VM, b TestBinary) {
	t.Helper()
	b.Args = []string{"-test.v", "-test.timeout=40m"}
	if _, err := vm.RunTestBinary(t.Context(), b); err != nil {
		t.Error(err)
	}
}
