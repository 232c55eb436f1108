package storage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

// refused demands a refusal with a code, and returns it.
func refused(t *testing.T, err error, code problem.Code) *problem.Error {
	t.Helper()
	p, is := errors.AsType[*problem.Error](err)
	if !is || p.Code != code {
		t.Fatalf("got %v, want a problem %s", err, code)
	}
	return p
}

func TestAnOperatorsVolumeIsMadeExportedGrownAndDeleted(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	empty := h.state()
	v, err := b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	if v.State != Ready || v.Dataset != root+"/v/data" || v.Size != 32*mib || v.Claim != nil || v.Target == nil {
		t.Fatalf("made %+v", v)
	}
	if x := v.Target; x.IQN != base+":data" || !x.Enabled || !slices.Equal(x.Portals, []string{"10.10.0.1:3260"}) || x.Device != v.Device {
		t.Fatalf("its target is %+v", x)
	}
	h.login("data")
	v, err = b.Resize(ctx, "data", 64*mib)
	must(t, err)
	if v.Size != 64*mib || len(v.Target.Sessions) != 1 || v.Target.Sessions[0].Initiator != node {
		t.Fatalf("after growing: %+v, %+v", v, v.Target)
	}
	all, err := b.Sessions(ctx)
	must(t, err)
	if len(all) != 1 || all[0].Volume != "data" {
		t.Fatalf("sessions %+v", all)
	}
	p := refused(t, b.Delete(ctx, DeleteRequest{Name: "data"}), problem.InUse)
	if !slices.Equal(p.Others, []string{node}) || !strings.Contains(p.Hint, "--force") {
		t.Errorf("refused with %+v", p)
	}
	must(t, b.Delete(ctx, DeleteRequest{Name: "data", Force: true}))
	if got := h.state(); got != empty {
		t.Errorf("left over:\n%s\nwant\n%s", got, empty)
	}
}

func TestWhatCannotBeIsRefusedAndChangesNothing(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	h.zvol(b, root+"/v/pvc-1", driverMade...)
	_, err = b.Repair(ctx)
	must(t, err)
	_, err = b.Snapshot(ctx, "data", "one")
	must(t, err)
	_, err = b.Snapshot(ctx, "data", "two")
	must(t, err)
	_, err = b.Clone(ctx, CloneRequest{Volume: "data", Snapshot: "one", Name: "copy"})
	must(t, err)
	h.login("copy")
	before := h.state()
	create := func(name string, size uint64) error {
		_, err := b.Create(ctx, CreateRequest{Name: name, Size: size})
		return err
	}
	for _, row := range []struct {
		name string
		err  error
		code problem.Code
	}{
		{"a volume of a name that is there", create("data", 16*mib), problem.Conflict},
		{"a volume whose name differs in capitals only", create("DATA", 16*mib), problem.Conflict},
		{"a name that leaves the root", create("../../ROOT", 16*mib), problem.InvalidRequest},
		{"a name with a snapshot", create("x@y", 16*mib), problem.InvalidRequest},
		{"a name with a newline", create("x\ny", 16*mib), problem.InvalidRequest},
		{"a name of 10,000 characters", create(strings.Repeat("x", 10000), 16*mib), problem.InvalidRequest},
		{"an empty name", create("", 16*mib), problem.InvalidRequest},
		{"a name that cannot be part of an IQN", create("a_b", 16*mib), problem.InvalidRequest},
		{"a size of 0", create("x", 0), problem.InvalidRequest},
		{"a size that is no multiple of the block", create("x", 16*mib+512), problem.InvalidRequest},
		{"a size beyond the pool", create("x", 1<<50), problem.NoSpace},
		{"a volume that would shrink", second(b.Resize(ctx, "data", 16*mib)), problem.InvalidRequest},
		{"a volume that is not there", second(b.Resize(ctx, "nothing", 16*mib)), problem.NotFound},
		{"growing beyond the pool", second(b.Resize(ctx, "data", 1<<50)), problem.NoSpace},
		{"a snapshot of a name that is there", secondSnapshot(b.Snapshot(ctx, "data", "one")), problem.Conflict},
		{"a snapshot with an at sign in its name", secondSnapshot(b.Snapshot(ctx, "data", "a@b")), problem.InvalidRequest},
		{"a snapshot of a name that the driver keeps for itself", secondSnapshot(b.Snapshot(ctx, "data", "volume-source-for-volume-pvc-1")), problem.InvalidRequest},
		{"a snapshot of a name that is waddle's own", secondSnapshot(b.Snapshot(ctx, "data", "waddle-clone-copy")), problem.InvalidRequest},
		{"a snapshot that is not there", b.DeleteSnapshot(ctx, "data", "nothing"), problem.NotFound},
		{"a snapshot that a clone is made of", b.DeleteSnapshot(ctx, "data", "one"), problem.InUse},
		{"a clone of a name that is there", second(b.Clone(ctx, CloneRequest{Volume: "data", Snapshot: "one", Name: "pvc-1"})), problem.Conflict},
		{"a rollback over a newer snapshot", second(b.Rollback(ctx, RollbackRequest{Volume: "data", Snapshot: "one"})), problem.Conflict},
		{"a rollback under a session", second(b.Rollback(ctx, RollbackRequest{Volume: "copy", Snapshot: "one"})), problem.NotFound},
		{"the delete of a volume that Kubernetes knows", b.Delete(ctx, DeleteRequest{Name: "pvc-1", Force: true, Snapshots: true}), problem.InUse},
		{"the delete of a volume with clones, whatever is asked", b.Delete(ctx, DeleteRequest{Name: "data", Force: true, Unclaimed: true, Snapshots: true}), problem.InUse},
		{"the delete of a volume with a session", b.Delete(ctx, DeleteRequest{Name: "copy", Snapshots: true}), problem.InUse},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := refused(t, row.err, row.code)
			if p.Hint == "" && row.code != problem.InvalidRequest {
				t.Errorf("no hint: %s", p.Detail)
			}
			if len(p.Detail) > 600 {
				t.Errorf("the sentence has %d bytes", len(p.Detail))
			}
		})
	}
	if got := h.state(); got != before {
		t.Errorf("changed:\n%s\nwas\n%s", got, before)
	}
}

func second(_ Volume, err error) error           { return err }
func secondSnapshot(_ Snapshot, err error) error { return err }

func TestARollbackKeepsTheTargetAndIsRefusedUnderASession(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	_, err = b.Snapshot(ctx, "data", "one")
	must(t, err)
	before := h.tree.String()
	_, err = b.Snapshot(ctx, "data", "two")
	must(t, err)
	v, err := b.Rollback(ctx, RollbackRequest{Volume: "data", Snapshot: "one", DestroyNewer: true})
	must(t, err)
	if v.State != Ready || len(v.Snapshots) != 1 || h.tree.String() != before {
		t.Errorf("after the rollback %+v:\n%s", v, h.tree)
	}
	h.login("data")
	_, err = b.Rollback(ctx, RollbackRequest{Volume: "data", Snapshot: "one"})
	refused(t, err, problem.InUse)
	if v, err = b.Volume(ctx, "data"); err != nil || len(v.Target.Sessions) != 1 {
		t.Errorf("the session is gone: %+v %v", v, err)
	}
}

func TestARollbackToWhenAVolumeWasSmallerKeepsItsSize(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	for _, private := range []bool{false, true} {
		name := map[bool]string{false: "data", true: "hidden"}[private]
		_, err := b.Create(ctx, CreateRequest{Name: name, Size: 32 * mib, Private: private})
		must(t, err)
		_, err = b.Snapshot(ctx, name, "small")
		must(t, err)
		_, err = b.Resize(ctx, name, 64*mib)
		must(t, err)
		before := h.state()
		v, err := b.Rollback(ctx, RollbackRequest{Volume: name, Snapshot: "small"})
		must(t, err)
		if v.Size != 64*mib || h.state() != before {
			t.Errorf("%s has %d bytes:\n%s\nwant\n%s", name, v.Size, h.state(), before)
		}
		_, err = b.Snapshot(ctx, name, "newer")
		must(t, err)
		before = h.state()
		_, err = b.Rollback(ctx, RollbackRequest{Volume: name, Snapshot: "small"})
		refused(t, err, problem.Conflict)
		if h.state() != before {
			t.Errorf("a rollback that zfs refused has changed %s:\n%s\nwas\n%s", name, h.state(), before)
		}
	}
}

func TestARollbackDestroysNoSnapshotThatKubernetesKnows(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	must(t, h.driver(b).CreateSnapshot("pvc-1", "old", false))
	must(t, h.driver(b).CreateSnapshot("pvc-1", "newer", false))
	before := h.state()
	_, err := b.Rollback(ctx, RollbackRequest{Volume: "pvc-1", Snapshot: "old", DestroyNewer: true})
	if p := refused(t, err, problem.InUse); !slices.Equal(p.Others, []string{"newer"}) {
		t.Errorf("refused with %+v", p)
	}
	if h.state() != before {
		t.Errorf("changed:\n%s\nwas\n%s", h.state(), before)
	}
	_, err = b.Rollback(ctx, RollbackRequest{Volume: "pvc-1", Snapshot: "newer", DestroyNewer: true})
	must(t, err)
	must(t, b.DeleteSnapshot(ctx, "pvc-1", "newer"))
	_, err = b.Rollback(ctx, RollbackRequest{Volume: "pvc-1", Snapshot: "old", DestroyNewer: true})
	must(t, err)
}

// TestATargetThatCouldNotBeMadeAgainIsNotTakenDown has volumes that waddle does
// not export and somebody else does: a rollback or a delete that then fails would
// leave them without a target for good.
func TestATargetThatCouldNotBeMadeAgainIsNotTakenDown(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "hidden", Size: 32 * mib, Private: true})
	must(t, err)
	h.zvol(b, root+"/byhand")
	for _, name := range []string{"hidden", "byhand"} {
		e, err := b.one(ctx, name)
		must(t, err)
		target, err := b.policy.TargetOf(b.iscsi.Base(), e.asset, e.device)
		must(t, err)
		_, err = b.iscsi.Ensure(ctx, target)
		must(t, err)
		_, err = b.Snapshot(ctx, name, "one")
		must(t, err)
		before := h.state()
		_, err = b.Rollback(ctx, RollbackRequest{Volume: name, Snapshot: "one"})
		refused(t, err, problem.Conflict)
		refused(t, b.Delete(ctx, DeleteRequest{Name: name, Force: true, Unclaimed: true, Snapshots: true}), problem.Conflict)
		if h.state() != before {
			t.Errorf("changed:\n%s\nwas\n%s", h.state(), before)
		}
		must(t, b.iscsi.Delete(ctx, target.IQN, false))
		must(t, b.Delete(ctx, DeleteRequest{Name: name, Snapshots: true}))
	}
}

func TestWhatAnOlderHostLeftWithoutATargetCanBeDeleted(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	before := h.state()
	h.zvol(b, root+"/pvc-1", driverMade...)
	_, err := b.Rollback(ctx, RollbackRequest{Volume: "pvc-1", Snapshot: "none"})
	refused(t, err, problem.NotFound)
	refused(t, b.Delete(ctx, DeleteRequest{Name: "pvc-1"}), problem.InUse) // Kubernetes may know it
	must(t, b.Delete(ctx, DeleteRequest{Name: "pvc-1", Unclaimed: true}))
	if h.state() != before {
		t.Errorf("left over:\n%s\nwant\n%s", h.state(), before)
	}
}

func TestOfTwoCreatesOfOneNameOneWins(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = b.Create(ctx, CreateRequest{Name: "data", Size: 16 * mib}) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		refused(t, err, problem.Conflict)
	}
	all, err := b.Volumes(ctx)
	must(t, err)
	if won != 1 || len(all) != 1 || all[0].State != Ready {
		t.Errorf("%d won, volumes %+v", won, all)
	}
}

func TestBeforePhase1EveryCallSaysWhatToApply(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.bare()
	_, volumes := b.Volumes(ctx)
	_, create := b.Create(ctx, CreateRequest{Name: "data", Size: 16 * mib})
	_, orphans := b.Orphans(ctx)
	_, repair := b.Repair(ctx)
	_, adopt := b.Adopt(ctx)
	for _, err := range []error{volumes, create, orphans, repair, adopt, b.Delete(ctx, DeleteRequest{Name: "data"}), b.Ready(ctx)} {
		if p := refused(t, err, problem.NeedsNotDone); !strings.Contains(p.Hint, "apply --through 1") {
			t.Errorf("hint %q", p.Hint)
		}
	}
	s, err := b.Status(ctx)
	must(t, err)
	if s.Present || s.Target.Ready || s.Target.Reason == "" || s.Pool.Health != "ONLINE" {
		t.Errorf("status %+v", s)
	}
}
