package machines

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/problem"
)

func TestEachStateOfAVMIsOneDecision(t *testing.T) {
	for _, row := range []struct {
		name  string
		setUp func(b *bench)
		want  string // kind and object of each difference, or done
		note  string
	}{
		{"nothing is there", func(*bench) {}, "create VM teleport", ""},
		{"a stranger has the name and the number", func(b *bench) { b.strangers(teleportID, teleport) }, "conflict VM teleport", "waddle vm adopt teleport"},
		{"a stranger has the number", func(b *bench) { b.strangers(teleportID, "router") }, "conflict VM teleport", "another number"},
		{"a stranger has the name", func(b *bench) { b.strangers(100, teleport) }, "conflict VM teleport", "waddle vm adopt teleport"},
		{"it is as declared", func(b *bench) { b.made(teleport) }, "done", ""},
		{"it went off by itself", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
		}, "change VM teleport power", "waddle vm stop teleport"},
		{"it was stopped on purpose", func(b *bench) {
			b.made(teleport)
			b.must(b.do(VMStop, teleport, Args{}))
		}, "done", "teleport is off: a test has stopped it"},
		{"a backup has it off", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
			_, err := b.pve.Inject(pve.Fault{Kind: pve.FaultLock, VMID: teleportID, Lock: "backup"})
			b.must(err)
		}, "done", "teleport is off, and something holds it: backup"},
		{"it was stopped, and its making undone and done again", func(b *bench) {
			b.must(b.do(ImagePull, DebianName, Args{}))
			step := b.work(teleport)
			raw, err := step.Undo.Capture(b.t.Context())
			b.must(err)
			b.made(teleport)
			b.must(b.do(VMStop, teleport, Args{}))
			b.must(step.Undo.Apply(b.t.Context(), raw, &engine.Run{}))
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
		}, "change VM teleport power", ""},
		{"somebody else deleted it", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
			b.byHand("DELETE", vmPath(teleportID, ""))
		}, "manual VM teleport", "somebody else has deleted it, and its disks with it; to make it anew: waddle vm recreate teleport"},
		{"we deleted it", func(b *bench) {
			b.made(teleport)
			b.must(b.do(VMDelete, teleport, Args{}))
		}, "manual VM teleport", "a test has deleted it"},
		{"its making was interrupted", func(b *bench) {
			b.seam = func(op string) error {
				if op == "vms:start" {
					return fmt.Errorf("killed")
				}
				return nil
			}
			if err := b.work(teleport).Apply(b.t.Context(), &engine.Run{}); err == nil {
				b.t.Fatal("it was not interrupted")
			}
			b.seam = func(string) error { return nil }
		}, "change VM teleport power", "its making was interrupted"},
		{"its tags were changed", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/config"), "tags", "waddle")
		}, "change VM teleport tags", ""},
		{"our tag was taken off", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/config"), "tags", "teleport")
		}, "conflict VM teleport", "to give it back: waddle vm adopt teleport"},
		{"its cores were changed", func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/config"), "cores", "1")
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
			b.byHand("POST", vmPath(teleportID, "/status/start"))
		}, "change VM teleport cores", "waddle vm reboot teleport"},
		{"its disk is larger than declared", func(b *bench) {
			b.made(teleport)
			b.byHand("PUT", vmPath(teleportID, "/resize"), "disk", "scsi0", "size", "30G")
		}, "manual VM teleport scsi0 size", "the disks of this one are lost: waddle vm recreate teleport"},
		{"a snippet may be read by all", func(b *bench) {
			b.made(teleport)
			b.strip("network", 0o644)
		}, "create file", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			row.setUp(b)
			before := b.on()
			r, err := b.work(teleport).Check(t.Context())
			b.must(err)
			said, got := strings.Join(r.Notes, "\n"), string(r.State)
			var all []string
			for _, d := range r.Differences {
				object, _, _ := strings.Cut(d.Object, "/")
				if d.Kind == engine.Create && strings.HasPrefix(object, "file") && !strings.HasPrefix(row.want, "create file") {
					continue // the snippets of a VM that is not there
				}
				all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", d.Kind, object)))
				said += "\n" + d.Is + "\n" + d.Want + "\n" + d.Note
			}
			if len(all) > 0 {
				got = strings.Join(all, ", ")
			}
			if got != row.want || !strings.Contains(said, row.note) {
				t.Errorf("it is %q, want %q; it says %s", got, row.want, said)
			}
			if after := b.on(); after != before {
				t.Errorf("looking changed something:\n%s\n%s", before, after)
			}
		})
	}
}

func TestAnApplyMakesNothingAgainOfWhichTheDisksAreGoneAndTouchesNoStranger(t *testing.T) {
	for name, setUp := range map[string]func(b *bench){
		"deleted by somebody else": func(b *bench) {
			b.made(teleport)
			b.byHand("POST", vmPath(teleportID, "/status/stop"))
			b.byHand("DELETE", vmPath(teleportID, ""))
		},
		"deleted by us": func(b *bench) {
			b.made(teleport)
			b.must(b.do(VMDelete, teleport, Args{}))
		},
		"a stranger's":    func(b *bench) { b.strangers(teleportID, teleport) },
		"a stranger's ID": func(b *bench) { b.strangers(teleportID, "router") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			setUp(b)
			before := b.on()
			_ = b.work(teleport).Apply(t.Context(), &engine.Run{}) // says it or leaves it
			if after := b.on(); after != before {
				t.Errorf("there was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

func TestTwoWhoApplyAtOnceMakeEachVMOnce(t *testing.T) {
	b := newBench(t)
	b.must(b.Schematic(b.p).Apply(t.Context(), &engine.Run{}))
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := b.work(node).Apply(t.Context(), &engine.Run{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if on := b.on(); strings.Count(on, "waddle-cp-") != 3 || strings.Count(on, "running") != 3 {
		t.Errorf("there are\n%s", on)
	}
	var tasks []struct{ ID, Status string }
	b.must(json.Unmarshal(b.byHand("GET", "/nodes/pve/tasks?source=all&typefilter=qmcreate"), &tasks))
	made := map[string]int{}
	for _, task := range tasks {
		if task.Status == "OK" { // one that waited too long for a lock is tried again
			made[task.ID]++
		}
	}
	if fmt.Sprint(made) != "map[110:1 111:1 112:1]" {
		t.Errorf("the VMs were made so often: %v of %+v", made, tasks)
	}
}

func TestAnUndoDeletesWhatWasMadeSinceAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.must(b.Schematic(b.p).Apply(t.Context(), &engine.Run{}))
	b.made(teleport)
	step := b.work(node)
	b.strangers(112, "waddle-cp-3") // and taken over below
	_, differences, err := b.Adoption(t.Context(), "waddle-cp-3")
	b.must(err)
	if len(differences) == 0 {
		t.Error("a VM of 512 MiB is what a node has to be")
	}
	raw, err := step.Undo.Capture(t.Context())
	b.must(err)
	a, _, err := b.Adoption(t.Context(), "waddle-cp-3")
	b.must(err)
	b.must(b.do(VMAdopt, "waddle-cp-3", Args{Digest: a.Digest}))
	_ = step.Apply(t.Context(), &engine.Run{}) // the adopted one is too different to be whole
	shown, err := step.Undo.Show(t.Context(), raw)
	b.must(err)
	if text := fmt.Sprint(shown); len(shown) != 2 || strings.Contains(text, "waddle-cp-3") || strings.Contains(text, teleport) || !strings.Contains(text, "its disks are lost") {
		t.Errorf("the undo shows %s", text)
	}
	b.etcd = true
	before := b.on()
	refusedWith(t, "an undo under etcd", step.Undo.Apply(t.Context(), raw, &engine.Run{}), problem.Conflict, "waddle-cp-1", "etcd")
	if b.on() != before {
		t.Errorf("there is\n%s", b.on())
	}
	b.etcd = false
	b.must(step.Undo.Apply(t.Context(), raw, &engine.Run{}))
	b.must(step.Undo.Apply(t.Context(), raw, &engine.Run{})) // killed and done again
	if on := b.on(); strings.Contains(on, "waddle-cp-1") || strings.Contains(on, "waddle-cp-2") || !strings.Contains(on, "waddle-cp-3") || !strings.Contains(on, teleport) {
		t.Errorf("left are\n%s", on)
	}
}

func TestAVMThatWasMadeKeepsItsImageWhenTheDocumentNamesAnother(t *testing.T) {
	b := newBench(t)
	b.made(node)
	b.platform("spec:\n", "spec:\n  talos:\n    version: v1.12.5\n")
	if v := string(b.p.Spec.Talos.Version); v != "v1.12.5" {
		t.Fatalf("the document has %s", v)
	}
	before := b.on()
	r, err := b.work(node).Check(t.Context())
	b.must(err)
	b.must(b.work(node).Apply(t.Context(), &engine.Run{}))
	if r.State != engine.Done || b.on() != before {
		t.Errorf("%+v\n%s", r, b.on())
	}
}

func TestWhatACloudInitSnippetHoldsIsInNoPlan(t *testing.T) {
	b := newBench(t)
	r, err := b.work(teleport).Check(t.Context())
	b.must(err)
	if text := fmt.Sprintf("%+v", r); strings.Contains(text, "#cloud-config") || !strings.Contains(text, "/snippets/waddle-teleport-vendor-") {
		t.Errorf("the plan says %s", text)
	}
}

func TestAFullPoolLeavesNothingAndTheNextApplyFinishes(t *testing.T) {
	b := newBench(t)
	b.must(b.Schematic(b.p).Apply(t.Context(), &engine.Run{}))
	_, err := b.pve.Inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"})
	b.must(err)
	refusedWith(t, "three nodes on a full pool", b.work(node).Apply(t.Context(), &engine.Run{}), problem.HostUnsuitable, "local-zfs")
	if on := b.on(); on != "" || b.record(node).Name != "" {
		t.Errorf("left are %s and the record %+v", on, b.record(node))
	}
	b.must(b.pve.Clear(""))
	b.made(node)
}

func TestAnAPIThatIsAwayIsNoVMThatIsGone(t *testing.T) {
	b := newBench(t)
	b.made(teleport)
	before := b.on()
	_, err := b.pve.Inject(pve.Fault{Kind: pve.FaultHTTP, Status: 502, Path: "/nodes/pve/qemu"})
	b.must(err)
	began := time.Now()
	_, err = b.work(teleport).Check(t.Context())
	refusedWith(t, "a look", err, problem.Unavailable, "502")
	refusedWith(t, "an apply", b.work(teleport).Apply(t.Context(), &engine.Run{}), problem.Unavailable)
	b.must(b.pve.Clear(""))
	if b.on() != before || b.record(teleport).UUID == "" {
		t.Errorf("after %s there is\n%s", time.Since(began), b.on())
	}
}
