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

// TestTwoChangesOfOneVolumeAreBothAccountedFor: the first that ends says nothing
// about the other, which is still under way.
func TestTwoChangesOfOneVolumeAreBothAccountedFor(t *testing.T) {
	ctx, h := context.Background(), newHost(t) // its pool has 64 GiB
	b := h.ready()
	volume := func(name string) zfs.Volume {
		v, err := b.zfs.Root().Volume(root + "/v/" + name)
		must(t, err)
		return v
	}
	small, err := b.execute.Reserve(ctx, volume("data"), 8<<30)
	must(t, err)
	large, err := b.execute.Reserve(ctx, volume("data"), 40<<30)
	must(t, err)
	small(true)
	if _, err := b.execute.Reserve(ctx, volume("other"), 30<<30); err == nil {
		t.Fatal("8 GiB, 40 GiB and 30 GiB were promised of 64")
	}
	large(false)
	settle, err := b.execute.Reserve(ctx, volume("other"), 30<<30)
	must(t, err)
	settle(false)
}

// TestAVolumeWhoseSpaceIsReservedOwesNothing: an older host may have such, and so
// has who sets zvolEnableReservation.
func TestAVolumeWhoseSpaceIsReservedOwesNothing(t *testing.T) {
	ctx, h := context.Background(), newHost(t) // its pool has 64 GiB
	b := h.ready()
	v, err := b.zfs.Root().Volume(root + "/v/thick")
	must(t, err)
	_, err = b.zfs.Create(ctx, zfs.CreateVolumeSpec{Volume: v, Size: 40 << 30})
	must(t, err)
	s, err := b.Status(ctx)
	must(t, err)
	if len(s.Faults) != 0 || s.Available > 30<<30 {
		t.Errorf("%d are available, and it is said: %v", s.Available, s.Faults)
	}
}
