package vms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// cell is one thing that goes wrong once while a VM is made or deleted.
type cell struct {
	what string // make or delete
	name string
	// arm prepares it, for the VM with the number.
	arm func(n *node, id int)
	// harm is done to requests on their way.
	harm func(k int, req *http.Request) harm
	// kill ends the process before its operation with this number; -1 does not.
	kill int
}

// TestAFaultAtAnyStepEndsDoneOrInAClearErrorAndASecondRunFinishes goes through every
// request and every task's step of making and of deleting a VM.
func TestAFaultAtAnyStepEndsDoneOrInAClearErrorAndASecondRunFinishes(t *testing.T) {
	t.Parallel()
	making, deleting, _ := undisturbed(t)
	cells := slices.Concat(wireCells("make", making), wireCells("delete", deleting),
		nodeCells("make", "qmcreate", "resize", "qmstart"), nodeCells("delete", "qmshutdown", "qmdestroy"))
	failed, missed := runCells(t, cells)
	fmt.Printf("vms faults: %d cells: %d requests of a create and %d of a delete, %d kinds of harm to a write and %d to a read, and what goes wrong on the node; %d ended in an error, all were finished by a second run; %d came too late for a run that took fewer requests\n",
		len(cells), len(making), len(deleting), len(harms), len(harmsToReads), failed, missed)
}

// TestAProcessThatIsKilledAtAnyStepIsFinishedByTheNext kills the driver before each
// operation and after each request of making and of deleting a VM.
func TestAProcessThatIsKilledAtAnyStepIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	making, deleting, ops := undisturbed(t)
	var cells []cell
	for what, requests := range map[string][]sent{"make": making, "delete": deleting} {
		for k := range requests {
			cells = append(cells, cell{what: what, name: fmt.Sprintf("killed after request %d", k), harm: only(k, doneKill), kill: -1})
		}
		for k := range ops[what] {
			cells = append(cells, cell{what: what, name: fmt.Sprintf("killed before %s", ops[what][k]), kill: k})
		}
	}
	_, missed := runCells(t, cells)
	fmt.Printf("vms kills: %d kills: after %d requests, before %d operations: %v; %d came too late\n", len(cells), len(making)+len(deleting), len(ops["make"])+len(ops["delete"]), ops, missed)
}

// runCells runs the cells, some on each of several nodes. It counts the first runs that
// failed, and the harms that found no request with their number.
func runCells(t *testing.T, cells []cell) (failures, misses int64) {
	var failed, missed atomic.Int64
	t.Run("cells", func(t *testing.T) {
		for first := 0; first < len(cells); first += 20 {
			part := cells[first:min(len(cells), first+20)]
			t.Run(fmt.Sprint(first), func(t *testing.T) {
				t.Parallel()
				n := start(t, pve.Options{})
				for i, c := range part {
					n.suffers(1000+i, c, &failed, &missed)
				}
			})
		}
	})
	return failed.Load(), missed.Load()
}

// undisturbed returns the requests and the operations of a create and of a delete.
func undisturbed(t *testing.T) (making, deleting []sent, ops map[string][]string) {
	n := start(t, pve.Options{})
	ops = map[string][]string{}
	what := "make"
	d := n.driver(func(o *Options) {
		o.Seam = func(op string) error {
			ops[what] = append(ops[what], op)
			return nil
		}
	})
	s := matrixSpec(999)
	if _, err := d.Ensure(t.Context(), s, Consent{}); err != nil {
		t.Fatal(err)
	}
	making = n.wire.requests()
	what = "delete"
	if err := d.Delete(t.Context(), s.Name, graceDefault); err != nil {
		t.Fatal(err)
	}
	return making, n.wire.requests()[len(making):], ops
}

func matrixSpec(id int) Spec {
	s := spec(id)
	s.Disks = append(s.Disks, Disk{Storage: "local-zfs", Size: 1})
	return s
}

// harmsToReads are those that differ for a read.
var harmsToReads = []harm{say502, cut}

// wireCells do each harm to each request.
func wireCells(what string, requests []sent) []cell {
	var all []cell
	for k, s := range requests {
		kinds := harms
		if s.method == http.MethodGet {
			kinds = harmsToReads
		}
		for _, h := range kinds {
			all = append(all, cell{what: what, name: fmt.Sprintf("request %d, %s %s: %s", k, s.method, s.path, h), harm: only(k, h), kill: -1})
		}
	}
	return all
}

// only does harm to the request with the number.
func only(k int, h harm) func(int, *http.Request) harm {
	return func(n int, _ *http.Request) harm {
		if n == k {
			return h
		}
		return none
	}
}

// nodeCells go wrong on the node.
func nodeCells(what string, tasks ...string) []cell {
	var all []cell
	for _, task := range tasks {
		for _, step := range pve.Steps()[task] {
			if task == "qmcreate" && (step == "prepare" || step == "start") {
				continue // of a create that also starts: ours does not
			}
			all = append(all, cell{name: task + " fails at " + step, arm: func(n *node, id int) {
				n.inject(pve.Fault{Kind: pve.FaultTask, Task: task, Step: step, VMID: id, Times: 1})
			}})
		}
	}
	all = append(all,
		cell{name: "the pool is full", arm: func(n *node, _ int) { n.inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"}) }},
		cell{name: "somebody holds the storage's lock", arm: func(n *node, _ int) { n.inject(pve.Fault{Kind: pve.FaultLock, Storage: "local-zfs"}) }},
		cell{name: "the guest agent is silent", arm: func(n *node, id int) { n.inject(pve.Fault{Kind: pve.FaultSilent, VMID: id}) }},
		cell{name: "a backup holds the VM's lock", arm: func(n *node, id int) {
			_, _ = n.Inject(pve.Fault{Kind: pve.FaultLock, VMID: id, Lock: "backup"}) // a VM that is not there has no lock
		}},
		cell{name: "the guest crashes", arm: func(n *node, id int) { _ = n.Crash(id) }}, // one that is off cannot
	)
	for i := range all {
		all[i].what, all[i].kill = what, -1
	}
	return all
}

// suffers makes or deletes a VM while something goes wrong, and then again without.
func (n *node) suffers(id int, c cell, failed, missed *atomic.Int64) {
	n.t.Helper()
	s := matrixSpec(id)
	name := fmt.Sprintf("%s: %s", c.what, c.name)
	run := func(ctx context.Context, d *Driver) error {
		if c.what == "delete" {
			return d.Delete(ctx, s.Name, graceDefault)
		}
		_, err := d.Ensure(ctx, s, Consent{})
		return err
	}
	if c.what == "delete" {
		n.ensure(s)
	}
	first := n.mortal(c, id, run)
	if c.harm != nil && !n.wire.hit {
		missed.Add(1)
	}
	if err := n.Clear(""); err != nil {
		n.t.Fatal(err)
	}
	if first != nil {
		failed.Add(1)
		if c.kill < 0 && !errors.Is(first, context.Canceled) {
			n.clear(name, first)
		}
		n.noTwins(name, s)
		if err := run(n.t.Context(), n.driver(nil)); err != nil {
			n.t.Errorf("%s: the first run said %v; the second %v", name, first, err)
		}
	}
	if c.what == "make" {
		f, err := n.Look(n.t.Context(), s)
		if err != nil || len(f.Differences) > 0 || !f.Running {
			n.t.Errorf("%s: %+v, %v", name, f, err)
		}
		if err := n.Delete(n.t.Context(), s.Name, 0); err != nil {
			n.t.Errorf("%s: %v", name, err)
		}
	}
	if left := n.left(); left != "" || len(n.records.all) > 0 {
		n.t.Fatalf("%s: left behind: %s%v", name, left, n.records.all)
	}
}

var errKilled = errors.New("killed")

// mortal runs something in a driver that suffers a cell's fault. A driver that was
// killed does nothing more: it sends nothing and writes no record.
func (n *node) mortal(c cell, id int, run func(context.Context, *Driver) error) error {
	ctx, die := context.WithCancel(n.t.Context())
	defer die()
	ops := 0
	d := n.driver(func(o *Options) {
		o.Records = mortalRecords{n.records, ctx}
		o.Seam = func(string) error {
			if ops++; ops == c.kill+1 {
				die()
			}
			return ctx.Err()
		}
	})
	n.wire.harm, n.wire.die = c.harm, die
	if c.arm != nil {
		c.arm(n, id)
	}
	return run(ctx, d)
}

type mortalRecords struct {
	Records
	ctx context.Context
}

func (m mortalRecords) Put(r Record) error {
	if m.ctx.Err() != nil {
		return errKilled
	}
	return m.Records.Put(r)
}

func (m mortalRecords) Delete(name string) error {
	if m.ctx.Err() != nil {
		return errKilled
	}
	return m.Records.Delete(name)
}

// clear wants an error to say what was tried, on what, and what to do.
func (n *node) clear(name string, err error) {
	n.t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.HasPrefix(err.Error(), "cannot ") || !strings.Contains(err.Error(), "VM cp-") {
		n.t.Errorf("%s: the error is not clear: %v", name, err)
	}
}

// noTwins: there is one VM of that name at most.
func (n *node) noTwins(name string, s Spec) {
	n.t.Helper()
	all, err := n.List(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	count := 0
	for _, v := range all {
		if v.Name == s.Name {
			count++
		}
	}
	if count > 1 {
		n.t.Errorf("%s: there are %d VMs of that name", name, count)
	}
}
