package appliance

import (
	"cmp"
	"os"
	"testing"
)

// `make bench` sets it to full, which takes most of an hour; `make e2e`
// runs the short form.
const sideBySide = "WADDLE_SIDEBYSIDE"

func TestSideBySideWithTargetcli(t *testing.T) {
	vm := ForTest(t, Options{})
	applied(t, vm)
	run(t, vm, beANode)
	_, err := vm.RunTestBinary(t.Context(), TestBinary{
		Package: "./test/appliance/sidebyside", Args: []string{"-test.v", "-test.timeout=4h"},
		Env: []string{sideBySide + "=" + cmp.Or(os.Getenv(sideBySide), "short")},
	})
	if err != nil {
		t.Error(err)
	}
}
