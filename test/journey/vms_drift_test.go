package journey

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// Somebody changes VMs in Proxmox's web interface. What can be put right at once is, what
// needs a boot or a new VM is named with the command, and nothing of it holds up an apply.
func TestWhatSomebodyChangesOfAVMIsSeenClassifiedAndHandled(t *testing.T) {
	h := newHost(t, lab.Options{Name: "vmdrift"})
	h.start()
	h.setVMPlatform()
	h.giveAccess()
	h.applyVMs()
	const node = "/nodes/pve/qemu/110"
	live := 0
	for _, change := range []struct {
		name   string
		byHand func()
		right  func() bool
	}{
		{"a tag is taken from beside ours", func() { h.pve("PUT", node+"/config", "tags", "waddle") }, func() bool { return h.config(110)["tags"] == "talos;waddle" }},
		{"it is not started at boot any more", func() { h.pve("PUT", node+"/config", "onboot", "0") }, func() bool { return h.config(110)["onboot"] == "1" }},
		{"its description is another one", func() { h.pve("PUT", node+"/config", "description", "mine") }, func() bool { return strings.Contains(h.config(110)["description"], "kept by waddled") }},
		{"its boot order is another one", func() { h.pve("PUT", node+"/config", "boot", "order=net0") }, func() bool { return h.config(110)["boot"] == "order=scsi0" }},
		{"it was stopped", func() { h.pve("POST", node+"/status/stop") }, func() bool { return h.VM("waddle-cp-1") != nil }},
		{"it crashed", func() {
			if err := h.CrashVM(t.Context(), 110); err != nil {
				t.Fatal(err)
			}
		}, func() bool { return h.VM("waddle-cp-1") != nil }},
	} {
		change.byHand()
		h.applyVMs()
		if !change.right() {
			t.Errorf("%s: it was not put right: %v", change.name, h.config(110))
		}
		live++
	}

	// Cores that somebody raised, with a boot: put right for the next boot, and told.
	h.whileTheDaemonIsDown(func() {
		h.pve("PUT", node+"/config", "cores", "2")
		h.pve("POST", node+"/status/stop")
		h.pve("POST", node+"/status/start")
	})
	h.applyVMs()
	manual := h.leftToTheOperator("talos.vms")
	if len(manual) != 1 || !strings.Contains(manual[0].Object, "waddle-cp-1 cores") || !strings.Contains(manual[0].Note, "waddle vm reboot waddle-cp-1") {
		t.Errorf("what waits for a boot is told as %+v", manual)
	}
	h.act(client.VMPowerRequest{Action: client.VMPowerActionReboot}, "waddle-cp-1")
	h.settledVMs("after the reboot")

	// A disk that grew: only a new VM has a smaller one.
	h.pve("PUT", node+"/resize", "disk", "scsi0", "size", "12G")
	h.applyVMs()
	manual = h.leftToTheOperator("talos.vms")
	if len(manual) != 1 || !strings.Contains(manual[0].Object, "scsi0 size") || !strings.Contains(manual[0].Note, "waddle vm recreate waddle-cp-1") {
		t.Errorf("what needs a new VM is told as %+v", manual)
	}
	h.recreate("waddle-cp-1")
	h.settledVMs("after it was made anew")

	// One that was deleted comes back for nobody but who asks for it.
	h.whileTheDaemonIsDown(func() {
		h.pve("POST", node+"/status/stop")
		h.pve("DELETE", node)
	})
	h.applyVMs()
	manual = h.leftToTheOperator("talos.vms")
	if slices.Contains(h.vmIDs(), 110) || len(manual) != 1 || !strings.Contains(manual[0].Note, "somebody else has deleted it") {
		t.Errorf("a VM that somebody deleted is told as %+v", manual)
	}
	h.recreate("waddle-cp-1")
	h.settledVMs("after it was made again")

	// Stopped with waddle it stays off.
	h.act(client.VMPowerRequest{Action: client.VMPowerActionStop}, "waddle-cp-1")
	h.applyVMs()
	if h.VM("waddle-cp-1") != nil {
		t.Error("a VM that was stopped with waddle was started again")
	}
	h.act(client.VMPowerRequest{Action: client.VMPowerActionStart}, "waddle-cp-1")
	h.settledVMs("after the start")

	// The reconciler does the same by itself: it hears of the cable that is gone.
	h.pve("POST", node+"/status/stop")
	for end := time.Now().Add(2 * time.Minute); h.VM("waddle-cp-1") == nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the reconciler has not started the VM that was stopped by hand")
		}
	}
	fmt.Printf("vms: %d changes by hand put right at once, 1 with the next boot, 2 left to the operator\n", live)
}

// whileTheDaemonIsDown changes things that the reconciler would otherwise put right
// between two calls.
func (h *host) whileTheDaemonIsDown(change func()) {
	h.t.Helper()
	if err := h.StopDaemon(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	change()
	h.start()
}

// leftToTheOperator are the differences of a step that an apply leaves.
func (h *host) leftToTheOperator(step string) (all []client.Difference) {
	h.t.Helper()
	for _, d := range h.vmSteps()[step].Result.Differences {
		if d.Kind != client.DifferenceKindManual {
			h.t.Errorf("after an apply there is still %+v", d)
		}
		all = append(all, d)
	}
	return all
}

func (h *host) act(r client.VMPowerRequest, vm string) {
	h.t.Helper()
	answer, err := h.api.PostVMPowerWithResponse(h.t.Context(), vm, nil, r)
	for end := time.Now().Add(3 * time.Minute); isRunning(err) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err = h.api.PostVMPowerWithResponse(h.t.Context(), vm, nil, r)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.ended(answer.JSON202.ID)
}

func (h *host) recreate(vm string) {
	h.t.Helper()
	body := client.VMRecreateRequest{Confirm: vm}
	answer, err := h.api.PostVMRecreateWithResponse(h.t.Context(), vm, nil, body)
	for end := time.Now().Add(3 * time.Minute); isRunning(err) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err = h.api.PostVMRecreateWithResponse(h.t.Context(), vm, nil, body)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.ended(answer.JSON202.ID)
}
