package storage

import (
	"context"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/internal/problem"
)

// TestAVolumeThatATargetOfAnotherNameExportsIsNotChangedUnderIt has a node logged
// in to a volume by the target of another base name, as after a change of
// spec.storage.iqnBase.
func TestAVolumeThatATargetOfAnotherNameExportsIsNotChangedUnderIt(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	h.zvol(b, root+"/older", exportProperty+"=on")
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: 32 * mib})
	must(t, err)
	_, err = b.Repair(ctx)
	must(t, err)
	_, err = b.Snapshot(ctx, "data", "one")
	must(t, err)
	for _, name := range []string{"data", "older"} {
		must(t, h.tree.Login(base+":"+name, "10.10.0.1:3260", node, nodeAddress, lio.Credentials{}))
	}
	doc := *h.doc
	doc.Spec.Storage.IQNBase = "iqn.2026-01.social.other"
	other, err := Open(h.machine(), &doc)
	must(t, err)
	_, err = other.Repair(ctx)
	must(t, err)
	before := h.state()
	_, err = other.Rollback(ctx, RollbackRequest{Volume: "data", Snapshot: "one"})
	refused(t, err, problem.InUse)
	_, err = other.Move(ctx, "older")
	refused(t, err, problem.InUse)
	refused(t, other.Delete(ctx, DeleteRequest{Name: "data", Force: true, Unclaimed: true, Snapshots: true}), problem.InUse)
	if h.state() != before {
		t.Errorf("changed:\n%s\nwas\n%s", h.state(), before)
	}
}
