package storage

import (
	"context"
	"strings"
	"testing"

	gozfs "github.com/mistifyio/go-zfs/v3"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

func TestAStatusNamesWhatMakesWritesFail(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 1 << 30})
	must(t, err)
	s, err := b.Status(ctx)
	must(t, err)
	if len(s.Faults) != 0 {
		t.Errorf("a pool with room: %v", s.Faults)
	}
	// Somebody else fills the pool.
	quota, err := zfs.NewProperty("quota", "536870912")
	must(t, err)
	_, err = b.zfs.Run(ctx, zfs.Set(b.zfs.Root().Dataset(), quota))
	must(t, err)
	m := h.machine()
	m.Pool = func(name string) (*gozfs.Zpool, error) {
		return &gozfs.Zpool{Name: name, Health: "ONLINE", Size: 1000 << 20, Allocated: 931 << 20, Free: 69 << 20}, nil
	}
	full, err := Open(m, h.doc)
	must(t, err)
	s, err = full.Status(ctx)
	must(t, err)
	if all := strings.Join(s.Faults, "\n"); len(s.Faults) != 2 || !strings.Contains(all, "pool rpool is 93% full") || !strings.Contains(all, "may still be written 1073717248 bytes, and ") {
		t.Errorf("a full pool: %q", s.Faults)
	}
}

func TestAVolumeWhoseDeviceNeverAppearsIsNotLeftBehind(t *testing.T) {
	t.Parallel() // it waits for ten seconds
	ctx, h := context.Background(), newHost(t)
	h.ready()
	before := h.state()
	m := h.machine()
	m.Dev = t.TempDir() // where udev makes no link
	b, err := Open(m, h.doc)
	must(t, err)
	_, err = b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	if p := refused(t, err, problem.HostUnsuitable); !strings.Contains(p.Hint, "udev") {
		t.Errorf("refused with %+v", p)
	}
	if h.state() != before {
		t.Errorf("left over:\n%s\nwas\n%s", h.state(), before)
	}
}

// TestASnapshotThatIsTakenWhileItsVolumeIsDeletedKeepsIt takes it after the look
// at the volume, when the delete has begun.
func TestASnapshotThatIsTakenWhileItsVolumeIsDeletedKeepsIt(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	other := h.bare()
	h.seam = func(op string) error {
		if op != "zfs destroy" {
			return nil
		}
		h.seam = nil
		e, err := other.one(ctx, "data")
		must(t, err)
		s, err := e.info.Name.Snapshot("precious")
		must(t, err)
		_, err = other.zfs.Run(ctx, zfs.TakeSnapshot(s))
		must(t, err)
		return nil
	}
	refused(t, b.Delete(ctx, DeleteRequest{Name: "data"}), problem.InUse)
	v, err := b.Volume(ctx, "data")
	must(t, err)
	if v.State != Ready || len(v.Snapshots) != 1 {
		t.Errorf("left is %+v", v)
	}
}
