package storage

import (
	"context"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestACloneOfWhatIsThereNowTakesItsSnapshotWithIt(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 16 * mib})
	must(t, err)
	before := h.state()
	for range 2 { // also the second time, when the name was there before
		v, err := b.Clone(ctx, CloneRequest{Volume: "data", Name: "copy"})
		must(t, err)
		if v.State != Ready || v.Origin != root+"/v/data@waddle-clone-copy" {
			t.Fatalf("the clone is %s of %s", v.State, v.Origin)
		}
		must(t, b.Delete(ctx, DeleteRequest{Name: "copy"}))
		if got := h.state(); got != before {
			t.Fatalf("after the clone was deleted:\n%s\nwant\n%s", got, before)
		}
	}
}

func TestACloneThatCannotBeMadeLeavesNothing(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 40 << 30}) // of 64 GiB: two do not fit
	must(t, err)
	before := h.state()
	_, err = b.Clone(ctx, CloneRequest{Volume: "data", Name: "copy"})
	refused(t, err, problem.NoSpace)
	if got := h.state(); got != before {
		t.Errorf("after a refused clone:\n%s\nwant\n%s", got, before)
	}
}

func TestTheSourceOfAKilledCloneIsTakenAnewAndOneInUseIsNot(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 16 * mib})
	must(t, err)
	e, err := b.one(ctx, "data")
	must(t, err)
	_, err = b.snapshot(ctx, e, "waddle-clone-copy") // what a clone that was killed leaves
	must(t, err)
	_, err = b.Clone(ctx, CloneRequest{Volume: "data", Name: "copy"})
	must(t, err)
	_, err = b.Clone(ctx, CloneRequest{Volume: "data", Snapshot: "waddle-clone-copy", Name: "other"})
	must(t, err)
	must(t, b.Delete(ctx, DeleteRequest{Name: "copy"}))
	_, err = b.Clone(ctx, CloneRequest{Volume: "data", Name: "copy"})
	refused(t, err, problem.InUse)
	if v, err := b.Volume(ctx, "other"); err != nil || !strings.HasSuffix(v.Origin, "@waddle-clone-copy") {
		t.Errorf("the clone that needs the snapshot is %+v (%v)", v, err)
	}
}
