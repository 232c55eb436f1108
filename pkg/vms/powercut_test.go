package vms

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// TestANodeThatLosesPowerAtAnyMomentIsFinishedByTheNextRun cuts the node's power in the
// middle of each kind of task: tasks die without a word, locks and half made disks stay.
func TestANodeThatLosesPowerAtAnyMomentIsFinishedByTheNextRun(t *testing.T) {
	t.Parallel()
	var cuts, unlocked atomic.Int64
	cut := func(t *testing.T) {
		for _, op := range []string{"vms:create", "vms:resize", "vms:start", "vms:delete", "vms:clone"} {
			t.Run(op, func(t *testing.T) {
				t.Parallel()
				o := pve.Options{Timing: pve.Scaled(0.02), Dir: t.TempDir()}
				n := start(t, o)
				for i := range 6 {
					if n.powerCut(op, time.Duration(i*i)*2*time.Millisecond, o, &unlocked) {
						cuts.Add(1)
					}
				}
			})
		}
	}
	for range 5 { // a slow machine cuts later than it is asked to, when the task has ended
		if t.Run("cuts", cut); unlocked.Load() > 0 || t.Failed() {
			break
		}
	}
	if unlocked.Load() == 0 {
		t.Error("no cut left a lock behind: they all came at the wrong moment")
	}
	fmt.Printf("vms kills: %d power cuts in the middle of a task; %d left a lock that was taken back\n", cuts.Load(), unlocked.Load())
}

// powerCut makes, copies and deletes a VM, and cuts the power so long after an operation
// has been begun. It tells whether that stopped the first run.
func (n *node) powerCut(op string, after time.Duration, o pve.Options, unlocked *atomic.Int64) bool {
	n.t.Helper()
	s := spec(110)
	name := fmt.Sprintf("%s+%v", op, after)
	run := func(ctx context.Context, d *Driver) error {
		if _, err := d.Ensure(ctx, s, Consent{}); err != nil {
			return err
		}
		if _, there, _ := n.records.Get("copy"); !there {
			if err := d.Clone(ctx, s.Name, Clone{Name: "copy", ID: 120}); err != nil {
				return err
			}
		} else if err := d.tidy(ctx, Spec{Name: "copy", ID: 120}); err != nil {
			return err
		}
		if err := d.Delete(ctx, "copy", 0); err != nil {
			return err
		}
		return d.Delete(ctx, s.Name, 0)
	}
	var once sync.Once
	var off sync.WaitGroup
	d := n.reached(func(o *rest.Options) { o.Timeout = time.Second }, func(o *Options) {
		o.Seam = func(what string) error {
			if what == op {
				once.Do(func() {
					off.Go(func() {
						time.Sleep(after)
						_ = n.Server.Close()
					})
				})
			}
			return nil
		}
	})
	first := run(n.t.Context(), d)
	off.Wait()
	n.open(o)
	second := n.driver(func(o *Options) {
		o.Unlock = func(ctx context.Context, id int) error {
			unlocked.Add(1)
			return n.unlock(ctx, id)
		}
	})
	for range 2 { // the first of them may find that the VM was deleted, and make it anew
		if err := run(n.t.Context(), second); err != nil {
			n.t.Errorf("%s: the first run said %v; after the power came back: %v", name, first, err)
		}
	}
	if left := n.left(); left != "" || len(n.records.all) > 0 {
		n.t.Fatalf("%s: left behind: %s%v", name, left, n.records.all)
	}
	return first != nil
}

func TestAHalfMadeVMOfSomebodyElseIsNotTakenForOurs(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	// A record of ours that was written, and then the process died before it sent the create.
	if err := n.records.Put(Record{Name: s.Name, ID: 110, UUID: "5f0c7d5e-6f0d-4a3a-9a55-2c8a3f3b1d10", State: StateCreating, Made: time.Now()}); err != nil {
		t.Fatal(err)
	}
	// Meanwhile somebody else makes a VM with that number, which hangs.
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":110,"name":"theirs"}`)
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"delete":"name,smbios1","skiplock":1}`)
	n.inject(pve.Fault{Kind: pve.FaultLock, VMID: 110, Lock: "create"})
	before := n.left()
	_, err := n.Ensure(t.Context(), s, Consent{})
	refused(t, "making ours", err, KindNotOurs, "no task of ours made it", "qm")
	refused(t, "deleting ours", n.Delete(t.Context(), s.Name, 0), KindNotOurs, "no task of ours")
	if after := n.left(); after != before {
		t.Errorf("it was touched:\n%s", after)
	}
}

func TestAVMThatOthersMadeIsAdoptedOnlyAsItWasShown(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	s.Off = true
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":110,"name":"cp-110","cores":2,"memory":8192,"tags":"tofu","scsi0":"local-zfs:10","net0":"virtio=BC:24:11:00:00:0A,bridge=vmbr1"}`)
	ctx := t.Context()
	before := n.conf(110)
	shown, err := n.LookAdopt(ctx, s)
	if err != nil || shown.UUID != uuidOf(before) {
		t.Fatalf("%+v, %v", shown, err)
	}
	var objects []string
	for _, x := range shown.Finding.Differences {
		objects = append(objects, x.Object)
	}
	if got := strings.Join(objects, " "); !strings.Contains(got, "cores") || !strings.Contains(got, "tags") || strings.Contains(got, "image") || strings.Contains(got, "memory") {
		t.Errorf("what would differ: %s", got)
	}
	if after := n.conf(110); after["digest"] != before["digest"] {
		t.Error("looking changed the VM")
	}
	_, err = n.Ensure(ctx, s, Consent{Reboot: true, Recreate: true})
	refused(t, "without adoption", err, KindTaken, "waddle vm adopt cp-110")
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"cores":4}`)
	refused(t, "after somebody changed it", n.Adopt(ctx, s, shown), KindChanged)
	if shown, err = n.LookAdopt(ctx, s); err != nil {
		t.Fatal(err)
	}
	if err := n.Adopt(ctx, s, shown); err != nil {
		t.Fatal(err)
	}
	if after := n.conf(110); after["tags"] != "tofu;waddle" || after["cores"] != "4" {
		t.Errorf("adoption changed more than the tag: %v", after)
	}
	_, err = n.LookAdopt(ctx, s)
	refused(t, "once more", err, KindExists)
	n.ensure(s)
	if f, err := n.Look(ctx, s); err != nil || len(f.Differences) > 0 {
		t.Errorf("%+v, %v", f, err)
	}
	wrong := spec(110)
	wrong.Name = "cp-111"
	_, err = n.LookAdopt(ctx, wrong)
	refused(t, "under another name", err, KindTaken, "VM 110 is cp-110")
	_, err = n.LookAdopt(ctx, spec(150))
	refused(t, "one that is not there", err, KindGone)
	n.admin("PUT", "/nodes/pve/qemu/110/config", `{"tags":"mine"}`)
	refused(t, "after the tag was taken away", n.Start(ctx, s.Name), KindNotOurs, "lost the tag waddle", "adopt")
	raw, _ := json.Marshal(n.records.all[s.Name])
	if !n.records.all[s.Name].Adopted {
		t.Errorf("the record is %s", raw)
	}
}

func TestTwoWhoMakeTheSameVMAtOnceMakeItOnce(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	var all sync.WaitGroup
	failed := make([]error, 4)
	for i := range failed {
		all.Go(func() { _, failed[i] = n.Ensure(t.Context(), s, Consent{}) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	created := 0
	for _, r := range n.wire.requests() {
		if r.method == "POST" && r.path == "/nodes/pve/qemu" {
			created++
		}
	}
	if created != 1 {
		t.Errorf("it was made %d times", created)
	}
}
