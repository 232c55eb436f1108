package iscsitest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/iscsi/iscsitest"
)

// The appliance VM sets the variable; without LIO there is nothing to test.
func TestTheTableOnTheKernel(t *testing.T) {
	devices := os.Getenv("WADDLE_ISCSI_DEVICES")
	if devices == "" {
		t.Skip("needs LIO and root: set WADDLE_ISCSI_DEVICES to a folder of four unused block devices (make e2e does)")
	}
	entries, err := os.ReadDir(devices)
	if err != nil {
		t.Fatal(err)
	}
	b := iscsitest.Backend{FS: iscsi.OS{}, Root: "/sys/kernel/config", Host: iscsi.ThisHost{}, Devices: filepath.Clean(devices)}
	for _, e := range entries {
		b.Paths = append(b.Paths, filepath.Join(b.Devices, e.Name()))
	}
	if len(b.Paths) < 4 {
		t.Fatalf("%s holds %d devices, need 4", devices, len(b.Paths))
	}
	iscsitest.Suite(t, func(*testing.T) iscsitest.Backend { return b })
}
