package machines

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

func TestEachActionIsOneStepOfItsVMsPhase(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	b.made(node)
	b.must(b.do(VMSnapshot, teleport, Args{Snapshot: "daily"}))
	a, err := json.Marshal(Args{Snapshot: "daily"})
	b.must(err)
	for verb, area := range map[string]string{
		VMStart: Area, VMStop: Area, VMShutdown: Area, VMReboot: Area, VMDelete: Area, VMRecreate: Area, VMAdopt: Area,
		VMSnapshot: Area, VMRollback: Area, VMSnapshotDelete: Area,
	} {
		for name, phase := range map[string]int{teleport: 2, node: 4} {
			g, err := b.Actions(t.Context(), engine.Action{Verb: verb, Subject: name, Args: a})
			if verb == VMRollback && name == node {
				refusedWith(t, "a rollback to a snapshot that there is not", err, problem.NotFound, "waddle vm snapshot ls "+node)
				continue
			}
			b.must(err)
			if s := g.Steps[0]; len(g.Steps) != 1 || s.ID != verb+"/"+name || s.Area != area || s.Phase != phase || !strings.Contains(s.Title, name) || g.Revision != "r1" {
				t.Errorf("%s of %s is %+v", verb, name, s)
			}
		}
	}
	for verb, subject := range map[string]string{ImagePull: TalosName, ImagePrune: "images"} {
		g, err := b.Actions(t.Context(), engine.Action{Verb: verb, Subject: subject})
		b.must(err)
		if s := g.Steps[0]; s.ID != verb+"/"+subject || s.Area != ImageArea {
			t.Errorf("%s is %+v", verb, s)
		}
	}
	_, err = b.Actions(t.Context(), engine.Action{Verb: "vm.explode", Subject: teleport})
	refusedWith(t, "an unknown verb", err, problem.InvalidRequest, "vm.explode")
	if _, err := b.Actions(t.Context(), engine.Action{Verb: VMStop, Subject: teleport, Args: json.RawMessage(`{"grace":"long"}`)}); err == nil {
		t.Error("rubbish in the journal was taken")
	}
}

func TestWhatIsNotOursIsRefusedAndNotTouched(t *testing.T) {
	b := newBench(t)
	b.strangers(teleportID, teleport)
	b.strangers(nodeID, "router")
	before := b.on()
	for _, verb := range []string{VMStart, VMStop, VMShutdown, VMReboot, VMDelete, VMSnapshot, VMRollback, VMSnapshotDelete} {
		for _, name := range []string{teleport, "router", "nothing"} {
			refusedWith(t, verb+" of "+name, b.do(verb, name, Args{Snapshot: "daily"}), problem.NotFound)
		}
	}
	refusedWith(t, "making a stranger's anew", b.do(VMRecreate, teleport, Args{}), problem.Conflict, "waddle vm adopt teleport")
	refusedWith(t, "adopting one with another name", b.do(VMAdopt, node, Args{}), problem.Conflict, "router")
	refusedWith(t, "making what the platform has not", b.do(VMRecreate, "router", Args{}), problem.NotFound)
	if after := b.on(); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
}

func TestWhatEtcdStandsOnIsNotTakenAway(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	b.made(node)
	for _, name := range []string{teleport, node} {
		b.must(b.do(VMSnapshot, name, Args{Snapshot: "daily"}))
	}
	queued := map[string]engine.Step{} // asked for before the cluster was bootstrapped
	for _, verb := range []string{VMDelete, VMRecreate} {
		step, err := b.asked(verb, node, Args{})
		b.must(err)
		queued[verb] = step
	}
	b.etcd = true
	before := b.on()
	for _, verb := range []string{VMDelete, VMRecreate, VMRollback} {
		refusedWith(t, verb, b.do(verb, node, Args{Snapshot: "daily"}), problem.Conflict, node, "etcd")
	}
	for verb, step := range queued {
		refusedWith(t, verb+" that was asked for before", step.Apply(t.Context(), &engine.Run{}), problem.Conflict, "etcd", "talos.bootstrap --withdraw")
	}
	b.platform("spec:\n", "spec:\n  vms:\n    nodes:\n      - {name: other-1, id: 120}\n      - {name: other-2, id: 121}\n      - {name: other-3, id: 122}\n")
	refusedWith(t, "a node that is no longer in the document", b.do(VMDelete, node, Args{}), problem.Conflict, "etcd")
	if after := b.on(); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
	b.platform()
	for _, verb := range []string{VMStop, VMStart, VMReboot} { // the disks stay
		b.must(b.do(verb, node, Args{}))
	}
	b.must(b.do(VMRollback, teleport, Args{Snapshot: "daily", Start: true}))
	b.must(b.do(VMDelete, teleport, Args{}))
	b.etcd = false
	b.must(b.do(VMDelete, node, Args{}))
}

func TestADeleteThatWasAskedForIsOfThatVMAndNotOfTheNextOne(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	action, err := b.Prepare(t.Context(), VMDelete, teleport, Args{})
	b.must(err)
	b.must(b.do(VMRecreate, teleport, Args{}))
	before := b.on()
	step, err := b.again(action) // a daemon that was down meanwhile goes on
	b.must(err)
	b.must(step.Apply(t.Context(), &engine.Run{}))
	if after := b.on(); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
}

func TestTwoWhoMakeAVMAnewAtOnceMakeItAnewOnce(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	old := b.record(teleport).UUID
	first, err := b.asked(VMRecreate, teleport, Args{})
	b.must(err)
	second, err := b.asked(VMRecreate, teleport, Args{})
	b.must(err)
	b.must(b.carryOut(first))
	once := b.record(teleport).UUID
	b.must(b.carryOut(second))
	if now := b.record(teleport).UUID; once == old || now != once || strings.Count(b.on(), "\n") != 0 {
		t.Errorf("the VM was %s, was made anew as %s, and is %s: %s", old, once, now, b.on())
	}
}

func TestAMakingAnewThatIsStoppedAnywhereEndsInOneNewVM(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	stops := 0
	for n := 1; ; n++ {
		old := b.record(teleport).UUID
		action, err := b.Prepare(t.Context(), VMRecreate, teleport, Args{})
		b.must(err)
		count, stopped := 0, false
		b.seam = func(op string) error {
			if count++; count == n {
				stopped = true
				return errors.New("stopped at " + op)
			}
			return nil
		}
		step, err := b.again(action)
		b.must(err)
		_ = b.carryOut(step)
		b.seam = func(string) error { return nil }
		if step, err = b.again(action); err != nil {
			t.Fatal(err)
		}
		if err := b.carryOut(step); err != nil {
			t.Errorf("stopped at side effect %d, the second run: %v", n, err)
		}
		on := b.on()
		if b.record(teleport).UUID == old || strings.Count(on, teleport) != 1 || !strings.Contains(on, "running") || !strings.Contains(on, b.record(teleport).UUID) {
			t.Errorf("stopped at side effect %d: there is %s, the record is %+v", n, on, b.record(teleport))
		}
		if !stopped {
			break
		}
		stops++
	}
	if stops < 8 {
		t.Errorf("a delete and a create have more than %d side effects", stops)
	}
	t.Logf("stopped at each of %d side effects", stops)
}

func TestAVMThatCouldNotBeMadeAnewIsNotDeleted(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	b.must(b.do(ImagePrune, "images", Args{Force: true}))
	before := b.on()
	online := b.o.HTTP.Transport
	b.o.HTTP.Transport = offline{}
	refusedWith(t, "without its image", b.do(VMRecreate, teleport, Args{}), problem.Unavailable)
	if after := b.on(); after != before {
		t.Errorf("without its image: there was\n%s\nand is\n%s", before, after)
	}
	b.o.HTTP.Transport = online
	b.bridges = "vmbr0"
	refusedWith(t, "without its bridge", b.do(VMRecreate, teleport, Args{}), problem.NeedsNotDone, "vmbr1")
	b.bridges = ""
	b.byHand("PUT", "/storage/local-zfs", "content", "rootdir")
	refusedWith(t, "without its storage", b.do(VMRecreate, teleport, Args{}), problem.HostUnsuitable, "local-zfs")
	b.byHand("PUT", "/storage/local-zfs", "content", "images,rootdir")
	if after := b.on(); after != before {
		t.Errorf("there was\n%s\nand is\n%s", before, after)
	}
	b.strangers(202, "router")
	b.platform("spec:\n", "spec:\n  vms:\n    teleport: {id: 202}\n")
	refusedWith(t, "with a number that a stranger has", b.do(VMRecreate, teleport, Args{}), problem.Conflict, "router")
	b.platform()
	if now := b.on(); !strings.HasPrefix(now, before) {
		t.Errorf("there was\n%s\nand is\n%s", before, now)
	}
	b.must(b.do(VMRecreate, teleport, Args{}))
}

// offline is a host without the internet.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}

func TestAStopThatFailsChangesNothingOfWhatIsToBe(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	_, err := b.pve.Inject(pve.Fault{Kind: pve.FaultLock, VMID: teleportID, Lock: "backup"})
	b.must(err)
	refusedWith(t, "a stop under a backup", b.do(VMStop, teleport, Args{}), problem.Conflict, "backup")
	if off, is, err := b.records.off(teleport); err != nil || is {
		t.Errorf("it is to be off: %+v, %v", off, err)
	}
	b.must(b.pve.Clear(""))
	b.must(b.do(VMStop, teleport, Args{}))
	was, _, err := b.records.off(teleport)
	b.must(err)
	b.byHand("POST", vmPath(teleportID, "/status/start"))
	_, err = b.pve.Inject(pve.Fault{Kind: pve.FaultLock, VMID: teleportID, Lock: "backup"})
	b.must(err)
	refusedWith(t, "another stop under a backup", b.do(VMStop, teleport, Args{}), problem.Conflict, "backup")
	if off, is, err := b.records.off(teleport); err != nil || !is || !off.At.Equal(was.At) {
		t.Errorf("that it was to be off was forgotten: %+v %v, %v", off, is, err)
	}
}

func TestASnapshotWithANameThatIsTakenIsNoNewSnapshot(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	action, err := b.Prepare(t.Context(), VMSnapshot, teleport, Args{Snapshot: "before"})
	b.must(err)
	step, err := b.again(action)
	b.must(err)
	b.must(b.carryOut(step))
	step, err = b.again(action) // the same one, by a daemon that was killed after it
	b.must(err)
	b.must(b.carryOut(step))
	refusedWith(t, "another one", b.do(VMSnapshot, teleport, Args{Snapshot: "before"}), problem.Conflict, "before", "another name")
}

func TestAVMThatARollbackLeavesOffStaysOff(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	b.must(b.do(VMSnapshot, teleport, Args{Snapshot: "cold"}))
	b.must(b.do(VMRollback, teleport, Args{Snapshot: "cold"}))
	r, err := b.work(teleport).Check(t.Context())
	b.must(err)
	if r.State != engine.Done || !strings.Contains(strings.Join(r.Notes, ""), "teleport is off: a test has stopped it") {
		t.Errorf("%+v", r)
	}
	b.must(b.do(VMRollback, teleport, Args{Snapshot: "cold", Start: true}))
	if _, off, err := b.records.off(teleport); err != nil || off || !strings.Contains(b.on(), "running") {
		t.Errorf("off %v, %v: %s", off, err, b.on())
	}
}

func TestAnAdoptionIsOfWhatWasShown(t *testing.T) {
	b := newBench(t)
	b.strangers(teleportID, teleport)
	a, differences, err := b.Adoption(t.Context(), teleport)
	b.must(err)
	if len(differences) == 0 {
		t.Error("nothing differs")
	}
	b.byHand("POST", vmPath(teleportID, "/config"), "memory", "1024")
	before := b.on()
	refusedWith(t, "one that was changed since", b.do(VMAdopt, teleport, Args{Digest: a.Digest}), problem.Conflict, "not what was shown")
	refusedWith(t, "one that was not shown", b.do(VMAdopt, teleport, Args{}), problem.Conflict)
	if b.on() != before || b.record(teleport).Name != "" {
		t.Errorf("it was touched: %s, %+v", b.on(), b.record(teleport))
	}
	if a, _, err = b.Adoption(t.Context(), teleport); err != nil {
		t.Fatal(err)
	}
	b.must(b.do(VMAdopt, teleport, Args{Digest: a.Digest}))
	b.must(b.do(VMAdopt, teleport, Args{Digest: a.Digest})) // it is ours, and that is what was asked for
	if rec := b.record(teleport); !rec.Adopted || rec.ID != teleportID || rec.UUID == "" {
		t.Errorf("%+v", rec)
	}
}

func TestOnlyWhatWasNamedWhenItWasAskedForIsPruned(t *testing.T) {
	b := newBench(t)
	b.must(b.do(ImagePull, DebianName, Args{}))
	names := func() (all []string) {
		list, err := b.Images(t.Context())
		b.must(err)
		for _, i := range list {
			all = append(all, i.Name)
		}
		return all
	}
	have := names()
	b.must(b.do(ImagePrune, "images", Args{}))
	if got := names(); !slices.Equal(got, have) {
		t.Errorf("the platform's own was pruned: %v of %v", got, have)
	}
	action, err := b.Prepare(t.Context(), ImagePrune, "images", Args{Force: true})
	b.must(err)
	b.must(b.do(ImagePull, TalosName, Args{}))
	step, err := b.again(action)
	b.must(err)
	b.must(b.carryOut(step))
	if got := names(); len(got) != 1 || !strings.HasPrefix(got[0], "talos-") {
		t.Errorf("left are %v", got)
	}
}

func TestAForgottenImageMayBeAnotherOne(t *testing.T) {
	b := newBench(t)
	refusedWith(t, "an image that waddle has not brought", b.do(ImagePrune, "images", Args{Forget: "moon.qcow2"}), problem.NotFound, "moon.qcow2")
	b.must(b.do(ImagePull, TalosName, Args{}))
	list, err := b.Images(t.Context())
	b.must(err)
	name := list[0].Name
	if list[0].SHA256 == "" {
		t.Fatalf("the checksum of the first download is not kept: %+v", list)
	}
	action, err := b.Prepare(t.Context(), ImagePrune, "images", Args{Forget: name})
	b.must(err)
	for range 2 { // also by a daemon that was killed after it
		step, err := b.again(action)
		b.must(err)
		b.must(b.carryOut(step))
	}
	all, err := imageRecords{b.o.State}.All()
	b.must(err)
	if list, err = b.Images(t.Context()); err != nil || len(list) != 0 || len(all) != 0 {
		t.Errorf("left are %v and the records %v, %v", list, all, err)
	}
}

func TestEachFailureOfTheDriverHasACodeAndKeepsItsHint(t *testing.T) {
	for kind, code := range codes {
		err := refused(&vms.Error{Kind: kind, Detail: "it is so", Hint: "do that"})
		refusedWith(t, string(kind), err, code, "it is so", "do that")
	}
	for _, kind := range []vms.Kind{vms.KindAgent, vms.KindTask, vms.KindRefused, vms.KindRecords} {
		refusedWith(t, string(kind), refused(&vms.Error{Kind: kind, Detail: "it is so", Hint: "do that"}), problem.NotSettled, "do that")
	}
	if refused(nil) != nil {
		t.Error("nothing is refused")
	}
}

func TestWithoutATokenEverythingSaysHowToMakeOne(t *testing.T) {
	b := newBench(t)
	b.o.TokenFile += "-gone"
	b.Service = New(b.o)
	r, err := b.CheckAccess(t.Context(), b.p)
	b.must(err)
	if r.State != engine.Unknown || !strings.Contains(r.Reason, AccessInstruction) {
		t.Errorf("%+v", r)
	}
	_, err = b.List(t.Context())
	refusedWith(t, "a list", err, problem.NeedsNotDone, AccessInstruction)
	refusedWith(t, "an action", b.do(VMStop, teleport, Args{}), problem.NeedsNotDone, AccessInstruction)
	refusedWith(t, "an apply", b.work(teleport).Apply(t.Context(), &engine.Run{}), problem.NeedsNotDone, "waddled setup proxmox")
}

func TestAStopIsSeenByAllAndAStartEndsIt(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	var all sync.WaitGroup
	for range 2 {
		step, err := b.asked(VMShutdown, teleport, Args{Grace: time.Second, Force: true})
		b.must(err)
		all.Go(func() {
			if err := b.carryOut(step); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if !strings.Contains(b.on(), "stopped") {
		t.Error(b.on())
	}
	b.must(b.work(teleport).Apply(t.Context(), &engine.Run{}))
	if !strings.Contains(b.on(), "stopped") {
		t.Errorf("an apply started what is off on purpose: %s", b.on())
	}
	b.must(b.do(VMStart, teleport, Args{}))
	if _, off, err := b.records.off(teleport); err != nil || off || !strings.Contains(b.on(), "running") {
		t.Errorf("off %v, %v: %s", off, err, b.on())
	}
}
