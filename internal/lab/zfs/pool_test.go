package zfs_test

import (
	"path/filepath"
	"testing"
	"time"

	labzfs "github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/pkg/zfs"
	"github.com/waddle-social/waddle/pkg/zfs/zfstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a pool in a folder of its own and a client below rpool/k8s-csi.
func open(t testing.TB, change ...func(*labzfs.Options, *zfs.Options)) (*zfs.Client, *labzfs.Pool) {
	t.Helper()
	dir := t.TempDir()
	lo := labzfs.Options{Dir: filepath.Join(dir, "pool"), Dev: filepath.Join(dir, "dev"), Size: 1 << 30, LinkDelay: 5 * time.Millisecond}
	root, err := zfs.ParseRoot("rpool/k8s-csi")
	if err != nil {
		t.Fatal(err)
	}
	zo := zfs.Options{Root: root, Dev: lo.Dev}
	for _, c := range change {
		c(&lo, &zo)
	}
	p, err := labzfs.Open(lo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	zo.Runner, zo.Pool = p, p.Zpool
	c, err := zfs.New(zo)
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

func TestTheTable(t *testing.T) {
	zfstest.Suite(t, func(t *testing.T) *zfs.Client {
		c, _ := open(t)
		return c
	})
}
