package zfstest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waddle-social/waddle/pkg/zfs"
	"github.com/waddle-social/waddle/pkg/zfs/zfstest"
)

// The appliance VM sets the variable; without a pool there is nothing to test.
func TestTheTableOnARealPool(t *testing.T) {
	base := os.Getenv("WADDLE_ZFS_ROOT")
	if base == "" {
		t.Skip("needs a ZFS pool and root: set WADDLE_ZFS_ROOT to a dataset that does not exist (make e2e does)")
	}
	if exec.Command("zfs", "list", base).Run() == nil {
		t.Fatalf("%s exists already; this test destroys the dataset that it works in", base)
	}
	zfsRun(t, "create", "-o", "mountpoint=none", base)
	t.Cleanup(func() { zfsRun(t, "destroy", "-r", base) })
	var n atomic.Int64
	zfstest.Suite(t, func(t *testing.T) *zfs.Client {
		root, err := zfs.ParseRoot(fmt.Sprintf("%s/t%d", base, n.Add(1)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := zfs.New(zfs.Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func zfsRun(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("zfs", args...).CombinedOutput(); err != nil {
		t.Fatalf("zfs %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
