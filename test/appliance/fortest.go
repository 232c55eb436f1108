package appliance

import (
	"context"
	"os"
	"strings"
	"testing"
)

// Enabled is the environment variable that `make e2e` sets.
const Enabled = "WADDLE_E2E"

// ForTest starts a machine that ends with the test. Outside `make e2e` it skips
// the test and says so. When the test fails, the end of the guest's console is
// in its log.
func ForTest(t *testing.T, o Options) *VM {
	t.Helper()
	if os.Getenv(Enabled) == "" {
		t.Skip("needs the appliance VM (ZFS, LIO, systemd): run make e2e")
	}
	o.Log = t.Output()
	vm, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the guest's console:\n%s", vm.consoleTail(40))
		}
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	return vm
}

// consoleTail returns the last lines that the guest wrote to its console.
func (vm *VM) consoleTail(lines int) string {
	all, err := os.ReadFile(vm.Console())
	if err != nil {
		return err.Error()
	}
	said := strings.SplitAfter(string(all), "\n")
	return strings.Join(said[max(0, len(said)-lines):], "")
}
