package zfstest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// A link that udev did not make, here because it was taken away, comes when the volume is waited for.
func TestUdevMakesALinkThatItOwes(t *testing.T) {
	base := os.Getenv("WADDLE_ZFS_ROOT")
	if base == "" {
		t.Skip("needs a ZFS pool, root and udev: set WADDLE_ZFS_ROOT to a dataset that does not exist (make e2e does)")
	}
	base += "-links"
	zfsRun(t, "create", "-o", "mountpoint=none", base)
	t.Cleanup(func() { zfsRun(t, "destroy", "-r", base) })
	root, err := zfs.ParseRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	c, err := zfs.New(zfs.Options{Root: root, DeviceWait: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, name := range []string{"a", "b", "c"} {
		zfsRun(t, "create", "-s", "-V", "16M", base+"/"+name)
		v, err := root.Volume(base + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		link, err := c.WaitDevice(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, link)
		before, err := os.Readlink(link)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WaitDevice(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if after, err := os.Readlink(link); err != nil || after != before {
			t.Fatalf("%s led to %s and leads to %s: %v", link, before, after, err)
		}
	}
	fmt.Printf("links: %d that were taken away came back\n", len(links))
}

func zfsRun(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("zfs", args...).CombinedOutput(); err != nil {
		t.Fatalf("zfs %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
