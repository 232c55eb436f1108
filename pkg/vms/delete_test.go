package vms

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// kept demands that a VM is the one that it was, runs, and is in no plan.
func (n *node) kept(s Spec, uuid, when string) {
	n.t.Helper()
	if now := uuidOf(n.conf(s.ID)); now != uuid {
		n.t.Fatalf("%s: the VM's UUID is %q, it was %q: its disks are lost", when, now, uuid)
	}
	if rec := n.records.all[s.Name]; rec.State != StateReady || rec.UUID != uuid {
		n.t.Errorf("%s: the record says %+v", when, rec)
	}
}

func TestADeleteThatIsRefusedLeavesTheVMAsItWasAndNothingDeletesItLater(t *testing.T) {
	for _, row := range []struct {
		name string
		hold func(n *node, id int)
		free func(n *node, id int)
		kind Kind
	}{
		{
			"it is protected",
			func(n *node, _ int) { n.admin("PUT", "/nodes/pve/qemu/110/config", `{"protection":1}`) },
			func(n *node, _ int) { n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"protection"}`) },
			KindProtected,
		},
		{
			"a backup holds it",
			func(n *node, id int) { n.inject(pve.Fault{Kind: pve.FaultLock, VMID: id, Lock: "backup"}) },
			func(n *node, _ int) {
				if err := n.Clear(""); err != nil {
					n.t.Fatal(err)
				}
			},
			KindLocked,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := start(t, pve.Options{})
			s := spec(110)
			n.ensure(s)
			uuid := n.records.all[s.Name].UUID
			row.hold(n, s.ID)
			refused(t, "the delete", n.Delete(t.Context(), s.Name, time.Minute), row.kind)
			if all, err := n.List(t.Context()); err != nil || all[0].Status != "running" {
				t.Errorf("a guest whose delete is refused was shut down: %+v, %v", all, err)
			}
			row.free(n, s.ID)
			n.kept(s, uuid, "right after")
			n.ensure(s)
			n.kept(s, uuid, "after the next apply")
		})
	}
}

func TestADeleteThatFailsIsGivenUpAndOnlyAnotherOneDeletes(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	uuid := n.records.all[s.Name].UUID
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmdestroy", VMID: s.ID, Times: 1})
	refused(t, "the delete", n.Delete(t.Context(), s.Name, 0), KindTask)
	n.kept(s, uuid, "right after")
	n.ensure(s)
	n.kept(s, uuid, "after the next apply")
	if err := n.Delete(t.Context(), s.Name, 0); err != nil {
		t.Error(err)
	}
	n.nothingLeft()
}

func TestADeleteThatWasKilledBeforeItBeganIsNotFinishedByAnApply(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	uuid := n.records.all[s.Name].UUID
	killed := n.driver(func(o *Options) {
		o.Seam = func(op string) error {
			if op == "vms:delete" {
				return errors.New("killed")
			}
			return nil
		}
	})
	if err := killed.Delete(t.Context(), s.Name, 0); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal(err)
	}
	rec := n.records.all[s.Name]
	rec.State = StateDeleting // nobody was left to put it back
	if err := n.records.Put(rec); err != nil {
		t.Fatal(err)
	}
	f, err := n.Look(t.Context(), s)
	if err != nil || len(f.With(EffectCreate))+len(f.With(EffectRecreate)) > 0 {
		t.Fatalf("the plan: %+v, %v", f, err)
	}
	n.ensure(s)
	n.kept(s, uuid, "after the next apply")
}

func TestAVMThatHasRunIsNotTakenBackWhenAChangeOfItFails(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	ctx, cancel := context.WithCancel(t.Context())
	killed := n.driver(func(o *Options) {
		starts := false
		o.Seam = func(op string) error {
			if op == "vms:start" {
				starts = true
			}
			if starts && op == "vms:record" {
				cancel()
				return errors.New("killed")
			}
			return nil
		}
	})
	if _, err := killed.Ensure(ctx, s, Consent{}); err == nil {
		t.Fatal("it was not killed")
	}
	uuid := n.records.all[s.Name].UUID
	n.admin("POST", "/nodes/pve/qemu/110/status/stop", "") // by hand, after days of service
	s.Cores = 2
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmconfig", VMID: s.ID, Times: 1})
	_, err := n.Ensure(t.Context(), s, Consent{})
	refused(t, "the change", err, KindTask)
	if now := uuidOf(n.conf(s.ID)); now != uuid {
		t.Fatalf("a VM that has run was taken back: its UUID is %q", now)
	}
	n.ensure(s)
	n.kept(s, uuid, "after the next apply")
}
