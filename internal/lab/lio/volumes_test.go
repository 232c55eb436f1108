package lio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/lio"
	labzfs "github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// storage is both stand-ins as the lab joins them: a volume's device is what a
// backstore opens, and zfs knows what is open.
type storage struct {
	tree   *lio.Tree
	zfs    *zfs.Client
	iscsi  *iscsi.Client
	portal iscsi.Portal
}

func newStorage(t *testing.T) *storage {
	t.Helper()
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &storage{}
	s.tree, err = lio.Open(lio.Options{})
	must(err)
	dev := filepath.Join(dir, "dev")
	pool, err := labzfs.Open(labzfs.Options{Dir: filepath.Join(dir, "pool"), Dev: dev, LinkDelay: 2 * time.Millisecond, Busy: s.tree.Busy})
	must(err)
	t.Cleanup(pool.Close)
	root, err := zfs.ParseRoot("rpool/k8s-csi")
	must(err)
	s.zfs, err = zfs.New(zfs.Options{Root: root, Runner: pool, Pool: pool.Zpool, Dev: dev})
	must(err)
	_, err = s.zfs.EnsureLayout(context.Background(), zfs.Layout{})
	must(err)
	base, err := iscsi.ParseBase("iqn.2026-01.social.waddle:csi")
	must(err)
	s.iscsi, err = iscsi.New(iscsi.Options{Base: base, FS: s.tree, Host: s.tree, Devices: filepath.Join(dev, "zvol/rpool/k8s-csi")})
	must(err)
	must(s.iscsi.Prepare(context.Background()))
	s.portal, err = iscsi.ParsePortal(portal)
	must(err)
	return s
}

func (s *storage) create(name string) error {
	ctx := context.Background()
	v, err := s.zfs.Root().Volume("rpool/k8s-csi/v/" + name)
	if err != nil {
		return err
	}
	device, err := s.zfs.Create(ctx, zfs.CreateVolumeSpec{Volume: v, Size: 1 << 20, Sparse: true})
	if err != nil {
		return err
	}
	i, err := s.iscsi.Base().Target(name)
	if err != nil {
		return err
	}
	_, err = s.iscsi.Ensure(ctx, iscsi.Target{IQN: i, Portals: []iscsi.Portal{s.portal}, Attributes: map[string]string{"generate_node_acls": "1"},
		LUNs: []iscsi.LUN{{Backstore: iscsi.Backstore{Device: device}}}})
	return err
}

func (s *storage) remove(name string) error {
	ctx := context.Background()
	i, err := s.iscsi.Base().Target(name)
	if err != nil {
		return err
	}
	if err := s.iscsi.Delete(ctx, i, false); err != nil {
		return err
	}
	v, err := s.zfs.Root().Volume("rpool/k8s-csi/v/" + name)
	if err != nil {
		return err
	}
	_, err = s.zfs.Run(ctx, zfs.Destroy(v, zfs.DestroyOptions{Recursive: true, Force: true}))
	return err
}

func TestAVolumeThatIsExportedCannotBeDestroyed(t *testing.T) {
	s := newStorage(t)
	if err := s.create("a"); err != nil {
		t.Fatal(err)
	}
	v, err := s.zfs.Root().Volume("rpool/k8s-csi/v/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.zfs.Run(context.Background(), zfs.Destroy(v, zfs.DestroyOptions{})); !errors.Is(err, zfs.ErrBusy) || !strings.Contains(err.Error(), "an iSCSI backstore") {
		t.Fatalf("got %v", err)
	}
	if err := s.remove("a"); err != nil {
		t.Fatal(err)
	}
}

func TestTwentyAtOnceAndTwoHundredInSequenceLeaveNoOrphan(t *testing.T) {
	s := newStorage(t)
	errs := make([]error, 20)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.create(fmt.Sprintf("p%d", i)) })
	}
	wg.Wait()
	for i := range 200 {
		errs = append(errs, s.create(fmt.Sprintf("s%d", i)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s.holds(t, 220)
	errs = nil
	for i := range 20 {
		errs = append(errs, s.remove(fmt.Sprintf("p%d", i)))
	}
	for i := range 200 {
		errs = append(errs, s.remove(fmt.Sprintf("s%d", i)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s.holds(t, 0)
	if got, want := s.tree.String(), "target/iscsi/\n"; got != want {
		t.Fatalf("left over:\n%s", got)
	}
}

// holds checks that volumes, targets and backstores are as many.
func (s *storage) holds(t *testing.T, want int) {
	t.Helper()
	ctx := context.Background()
	volumes, err := s.zfs.List(ctx, s.zfs.Root().Dataset(), nil, zfs.Volumes)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := s.iscsi.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	backstores, err := s.iscsi.Backstores(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(volumes.Items) != want || len(targets.Targets) != want || len(backstores) != want {
		t.Fatalf("%d volumes, %d targets, %d backstores, want %d of each", len(volumes.Items), len(targets.Targets), len(backstores), want)
	}
}
