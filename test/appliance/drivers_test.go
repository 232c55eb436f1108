package appliance

import "testing"

// The same tables run against the stand-ins in `make test`, so that the two
// cannot drift apart.
func TestTheStorageDriversAgainstTheRealKernel(t *testing.T) {
	vm := ForTest(t, Options{})
	// Four unused block devices.
	run(t, vm, "zfs create rpool/devices; for n in 1 2 3 4; do zfs create -s -V 64M rpool/devices/$n; done; udevadm settle")
	for _, b := range []TestBinary{
		{Package: "./pkg/zfs/zfstest", Args: []string{"-test.v"}, Env: []string{"WADDLE_ZFS_ROOT=rpool/conformance"}},
		{Package: "./pkg/iscsi/iscsitest", Args: []string{"-test.v"}, Env: []string{"WADDLE_ISCSI_DEVICES=/dev/zvol/rpool/devices"}},
	} {
		t.Run(b.Package, func(t *testing.T) {
			if _, err := vm.RunTestBinary(t.Context(), b); err != nil {
				t.Error(err)
			}
		})
	}
}
