package vms

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// halfDeleted leaves what a delete leaves when the node loses power after the disks are
// gone: a configuration with nothing but the lock.
func (n *node) halfDeleted(s Spec) {
	n.t.Helper()
	n.ensure(s)
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmdestroy", Step: "unregister", VMID: s.ID, Times: 1})
	refused(n.t.(*testing.T), "the delete", n.Delete(n.t.Context(), s.Name, 0), KindTask, "injected fault at step unregister")
	rec := n.records.all[s.Name]
	rec.State = StateDeleting // who was to put it back died with the node
	if err := n.records.Put(rec); err != nil {
		n.t.Fatal(err)
	}
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"name,smbios1,tags,scsi0,ide2,net0","force":1,"skiplock":1}`)
	n.inject(pve.Fault{Kind: pve.FaultLock, VMID: s.ID, Lock: "destroyed"})
}

func TestWhatAnInterruptedDeleteLeftIsDeleted(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.halfDeleted(s)
	if f, err := n.Look(t.Context(), s); err != nil || len(f.With(EffectCreate)) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	stuck := n.driver(func(o *Options) { o.Unlock = func(context.Context, int) error { return errors.New("qm: not found") } })
	refused(t, "without qm", stuck.Delete(t.Context(), s.Name, 0), KindLocked, "VM 110", "qm unlock", "not found")
	if err := n.Delete(t.Context(), s.Name, 0); err != nil {
		t.Fatal(err)
	}
	n.nothingLeft()
	n.halfDeleted(s)
	n.ensure(s)
	if f, err := n.Look(t.Context(), s); err != nil || len(f.Differences) > 0 {
		t.Errorf("made anew: %+v, %v", f, err)
	}
}

func TestANumberThatIsUsedAgainAfterOurDeleteIsTheirs(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	rec := n.records.all[s.Name]
	rec.State = StateDeleting // killed after the delete, before the record was removed
	n.admin("POST", "/nodes/pve/qemu/110/status/stop", "")
	n.admin("DELETE", "/nodes/pve/qemu/110", "")
	if err := n.records.Put(rec); err != nil {
		t.Fatal(err)
	}
	stranger(110, "theirs", "BC:24:11:77:00:01")(n)
	before := n.left()
	if err := n.Delete(t.Context(), s.Name, 0); err != nil {
		t.Errorf("ours is gone, and that is no error: %v", err)
	}
	if after := n.left(); after != before {
		t.Errorf("theirs was touched:\n%s", after)
	}
	_, err := n.Ensure(t.Context(), s, Consent{Recreate: true})
	refused(t, "making ours again", err, KindTaken, "VM 110 (theirs)")
}

func TestACallThatIsNotAnsweredInTimeIsLookedForAndNotRepeated(t *testing.T) {
	for when, made := range map[string]bool{"before": false, "after": true} {
		t.Run(when+" its work", func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			n.inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: "/nodes/pve/qemu", When: when, Delay: time.Minute, Times: 1})
			d := n.over(func(o *rest.Options) { o.Timeout = 10 * time.Second })
			_, err := d.Ensure(t.Context(), spec(110), Consent{})
			if made && err != nil {
				t.Errorf("it was done, and: %v", err)
			}
			if !made {
				refused(t, "it was not done", err, KindUnavailable, "run it again")
				n.ensure(spec(110))
			}
			creates := 0
			for _, r := range n.wire.requests() {
				if r.method == "POST" && r.path == "/nodes/pve/qemu" {
					creates++
				}
			}
			if creates != 1 {
				t.Errorf("it was sent %d times", creates)
			}
		})
	}
}

func TestQMIsAskedToUnlockAndItsWordsAreInTheError(t *testing.T) {
	program := filepath.Join(t.TempDir(), "qm")
	for script, wanted := range map[string]string{"test \"$*\" = 'unlock 110'": "", "echo no such VM >&2; exit 2": "qm unlock 110: exit status 2: no such VM"} {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := qmUnlock(program)(t.Context(), 110)
		if got := fmt.Sprint(err); wanted == "" && err != nil || wanted != "" && got != wanted {
			t.Errorf("%s: %v", script, err)
		}
	}
}
