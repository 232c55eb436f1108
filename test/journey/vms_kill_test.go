package journey

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// ownToEach are the settings that every VM has for itself.
var ownToEach = []string{"digest", "smbios1", "vmgenid", "meta"}

// vmIDs are the numbers of the VMs that the simulator has, in order.
func (h *host) vmIDs() (ids []int) {
	h.t.Helper()
	var list []struct{ VMID int }
	if err := json.Unmarshal(h.pve("GET", "/nodes/pve/qemu"), &list); err != nil {
		h.t.Fatal(err)
	}
	for _, v := range list {
		ids = append(ids, v.VMID)
	}
	slices.Sort(ids)
	return ids
}

// sameVMs is what the simulator has of VMs and their disks, but for what is each VM's own.
func (h *host) sameVMs() string {
	h.t.Helper()
	var b strings.Builder
	for _, id := range h.vmIDs() {
		c := h.config(id)
		for _, key := range ownToEach {
			delete(c, key)
		}
		fmt.Fprintf(&b, "%d %v\n", id, c)
	}
	var disks []struct{ VolID string }
	if err := json.Unmarshal(h.pve("GET", "/nodes/pve/storage/local-zfs/content"), &disks); err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprintf("%sdisks: %d\n", b.String(), len(disks))
}

// The daemon is killed at each step of making three VMs side by side. What goes on
// makes three, and leaves nothing beside them.
func TestADaemonThatIsKilledWhileItMakesThreeVMsMakesThree(t *testing.T) {
	h := newHost(t, lab.Options{Name: "vmkill"})
	h.start()
	h.setVMPlatform()
	h.giveAccess()
	h.apply(client.ApplyRequest{})
	for _, image := range []string{"talos"} {
		r, err := h.api.PostImagePullWithResponse(t.Context(), image, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.ended(r.JSON202.ID)
	}
	if err := h.StopDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.run("cp -a /var/lib/waddle /run/.lab/waddle-before; : > " + seamLog)
	h.start()
	h.makeNodes()
	want := h.sameVMs()
	var points []int
	for i, op := range h.sideEffects() {
		if strings.HasPrefix(op, "vms:") || strings.HasPrefix(op, "journal:vm-") {
			points = append(points, i+1)
		}
	}
	if strings.Count(want, "waddle-cp-") != 6 || len(points) < 20 { // in the name and in the description
		t.Fatalf("%d points, and the VMs are\n%s", len(points), want)
	}
	began, lived := time.Now(), 0
	for _, n := range points {
		h.withoutVMs()
		h.start(fmt.Sprintf("%s=%d", envKillAt, n))
		r, err := h.api.PostPhaseRunWithResponse(t.Context(), 4, nil, client.RunRequest{}) // the answer may never come
		if err == nil && r.JSON202 != nil && !h.diesBeforeTheEnd(r.JSON202.ID) {
			lived++ // progress is journalled by time: not every run has as many side effects
			continue
		}
		for end := time.Now().Add(3 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, alive := h.Daemon(); !alive {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the daemon that was to die at side effect %d lives", n)
			}
		}
		h.start()
		h.makeNodes()
		if got := h.sameVMs(); got != want {
			t.Fatalf("killed at side effect %d (-want +got):\n%s", n, cmp.Diff(want, got))
		}
	}
	if lived > len(points)/10 {
		t.Errorf("at %d of %d points the daemon was not killed", lived, len(points))
	}
	fmt.Printf("vms: SIGKILL at %d points of making three VMs side by side, three VMs each time, %s a point\n",
		len(points)-lived, (time.Since(began) / time.Duration(len(points))).Round(time.Millisecond))
}

// diesBeforeTheEnd reports whether the daemon dies before it has ended an operation,
// or soon after.
func (h *host) diesBeforeTheEnd(id string) bool {
	h.t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, alive := h.Daemon(); !alive {
			return true
		}
		if r, err := h.api.GetOperationWithResponse(h.t.Context(), id); err == nil && r.JSON200.State.Final() {
			return h.diesAfterTheEnd()
		}
	}
	h.t.Fatalf("operation %s neither ends nor does the daemon die", id)
	return false
}

// makeNodes lets what was begun end, and runs phase 4.
func (h *host) makeNodes() {
	h.t.Helper()
	list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, op := range list.JSON200.Operations {
		if !op.State.Final() {
			h.ended(op.ID)
		}
	}
	r, err := h.api.PostPhaseRunWithResponse(h.t.Context(), 4, nil, client.RunRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.ended(r.JSON202.ID)
}

// withoutVMs brings the host back to what it was before there were VMs, without the daemon's help.
func (h *host) withoutVMs() {
	h.t.Helper()
	if err := h.KillDaemon(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	nodes := slices.DeleteFunc(h.vmIDs(), func(id int) bool { return id < 110 || id > 112 })
	for _, call := range []string{"POST /nodes/pve/qemu/%d/status/stop", "DELETE /nodes/pve/qemu/%d"} {
		method, path, _ := strings.Cut(call, " ")
		var tasks []json.RawMessage
		for _, id := range nodes {
			tasks = append(tasks, h.pveStart(method, fmt.Sprintf(path, id)))
		}
		for _, task := range tasks {
			h.pveEnded(task, call)
		}
	}
	h.run("rm -rf /var/lib/waddle && cp -a /run/.lab/waddle-before /var/lib/waddle && : > " + seamLog)
}
