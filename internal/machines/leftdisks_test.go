package machines

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/problem"
)

// A VM whose disks could not be removed with it is gone all the same: it stays away, and no apply makes it again, also not
// once somebody has removed them.
func TestAVMThatWasDeletedStaysAwayWhenProxmoxCouldNotRemoveItsDisks(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	_, err := b.pve.Inject(pve.Fault{Kind: pve.FaultBusy, VMID: teleportID})
	b.must(err)
	disk := fmt.Sprintf("local-zfs:vm-%d-disk-0", teleportID)
	refusedWith(t, "the delete", b.do(VMDelete, teleport, Args{}), problem.Conflict, disk, "pvesm free")
	r, err := b.work(teleport).Check(t.Context())
	b.must(err)
	if !slices.ContainsFunc(r.Differences, func(d engine.Difference) bool {
		return d.Kind == engine.Conflict && strings.Contains(d.Is, disk)
	}) {
		t.Errorf("the plan does not name the disks: %+v", r.Differences)
	}
	if err := b.work(teleport).Apply(t.Context(), &engine.Run{}); err == nil {
		t.Error("a VM was made over the old disks")
	}
	b.must(b.pve.Clear(""))
	for _, name := range []string{"disk-0", "cloudinit"} {
		b.byHand("DELETE", fmt.Sprintf("/nodes/pve/storage/local-zfs/content/vm-%d-%s", teleportID, name))
	}
	b.must(b.work(teleport).Apply(t.Context(), &engine.Run{}))
	if on := b.on(); strings.Contains(on, teleport) {
		t.Errorf("a VM that was deleted was made again:\n%s", on)
	}
	b.must(b.do(VMRecreate, teleport, Args{}))
}
