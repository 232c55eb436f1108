package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
)

// act runs an action as the engine does: look, apply, look again. It returns
// what differed before and after.
func (h *host) act(verb string) (before, after engine.Result, err error) {
	h.t.Helper()
	ctx := context.Background()
	s := h.service()
	what, err := s.Prepare(ctx, verb)
	must(h.t, err)
	step, err := s.Step(what)
	must(h.t, err)
	before, err = step.Check(ctx)
	must(h.t, err)
	if before.Settled() {
		return before, before, nil
	}
	if err := step.Apply(ctx, &engine.Run{}); err != nil {
		return before, before, err
	}
	after, err = step.Check(ctx)
	must(h.t, err)
	return before, after, nil
}

func TestARepairIsAnActionThatShowsWhatItWillDoAndLeavesTheRest(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "data", Size: size})
	must(t, err)
	h.zvol(b, root+"/pvc-1", driverMade...) // an older host's
	iqn, err := b.iscsi.Base().Target("data")
	must(t, err)
	must(t, b.iscsi.Delete(ctx, iqn, false))
	before, after, err := h.act(RepairAction)
	must(t, err)
	if len(before.Differences) != 2 || before.Settled() || before.Differences[1].Is != "it has no target" {
		t.Errorf("before: %+v", before)
	}
	if len(after.Differences) != 1 || !after.Settled() || after.Differences[0].Kind != engine.Manual || !strings.Contains(after.Differences[0].Note, "waddle storage adopt") {
		t.Errorf("after: %+v", after)
	}
	if v, err := b.Volume(ctx, "data"); err != nil || v.State != Ready {
		t.Errorf("%+v %v", v, err)
	}
}

func TestAnAdoptionIsAnActionThatIsFinishedWhereverItWasKilled(t *testing.T) {
	ctx := context.Background()
	setup := func(h *host) {
		b := h.ready()
		for _, name := range []string{"pvc-1", "pvc-2"} {
			h.zvol(b, root+"/"+name, nameProperty+"="+name, managedProperty+"=true", completeProperty+"=true", assetProperty+"="+name)
			stock(h.t, h, name, h.at("dev")+"/zvol/"+root+"/"+name)
		}
		h.restoreUnit()
		h.write("/etc/rtslib-fb-target/saveconfig.json", saved(h, ""))
	}
	whole := newHost(t)
	setup(whole)
	before, after, err := whole.act(AdoptAction)
	must(t, err)
	if len(before.Differences) != 3 || after.State != engine.Done || whole.restoreUnitIsOn() {
		t.Errorf("before %+v, after %+v", before, after)
	}
	want := whole.state()
	points := killedEverywhere(t, setup, func(h *host) error {
		_, err := h.bare().Adopt(ctx)
		return err
	}, func(h *host, at string) {
		_, after, err := h.act(AdoptAction)
		must(t, err)
		if h.state() != want || after.State != engine.Done || h.restoreUnitIsOn() {
			t.Fatalf("%s ends in\n%s\nwant\n%s\nand differs in %+v", at, h.state(), want, after.Differences)
		}
	})
	fmt.Printf("storage: %d points at which the daemon was killed in an adoption of 2 volumes\n", points)
	if points < 10 {
		t.Errorf("only %d points", points)
	}
}

func TestAnAdoptionSaysWhatKeepsTargetclisRestoreOn(t *testing.T) {
	h, _ := olderHost(t)
	h.restoreUnit()
	h.write("/etc/rtslib-fb-target/saveconfig.json", saved(h, `, {"dev": "/dev/sdz", "name": "theirs", "plugin": "block"}`))
	_, after, err := h.act(AdoptAction)
	must(t, err)
	if !after.Settled() || len(after.Differences) != 1 || !strings.Contains(after.Differences[0].Note, "backstore theirs") || !h.restoreUnitIsOn() {
		t.Errorf("after: %+v", after)
	}
}

func TestAnActionIsRefusedWhereThereIsNothingToDoItTo(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	for _, verb := range []string{RepairAction, AdoptAction} {
		_, err := s.Prepare(ctx, verb)
		refused(t, err, problem.NeedsNotDone)
	}
	_, err := s.Step(engine.Action{Verb: "storage.format"})
	refused(t, err, problem.InvalidRequest)
}

func TestAThousandFailuresAreNamedInALine(t *testing.T) {
	var done []Repaired
	for i := range 1000 {
		done = append(done, Repaired{Object: fmt.Sprintf("target %d", i), Err: errors.New("no")})
	}
	if text := failures(done, "repair").Error(); !strings.Contains(text, "target 9: no") || !strings.Contains(text, "990 more") || len(text) > 1000 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// TestARepairTellsOfEachTarget has many to make and things to remove, one of them
// in vain.
func TestARepairTellsOfEachTarget(t *testing.T) {
	const volumes = 40
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	for i := range volumes {
		h.zvol(b, fmt.Sprintf("%s/v/data-%d", root, i), exportProperty+"=on")
	}
	must(t, h.tree.Mkdir("/sys/kernel/config/target/iscsi/"+base+":gone"))
	s := h.service()
	step, err := s.Step(engine.Action{Verb: RepairAction})
	must(t, err)
	var mu sync.Mutex
	seen := map[string]bool{}
	last := int64(0)
	h.seam = func(op string) error {
		if op == "make portal" {
			mu.Lock()
			defer mu.Unlock()
			if !seen["refused"] {
				seen["refused"] = true
				return errors.New("no luck")
			}
		}
		return nil
	}
	err = step.Apply(ctx, &engine.Run{Report: func(message string, p *engine.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Done != last+1 || p.Total != volumes+1 || p.Unit != "targets" {
			t.Errorf("%q is %+v after %d", message, p, last)
		}
		last = p.Done
		if seen[message] {
			t.Errorf("%q was told twice", message)
		}
		seen[message] = true
	}})
	if err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("the repair: %v", err)
	}
	if last != volumes+1 || !seen["target "+base+":gone"] {
		t.Errorf("%d of %d were told: %v", last, volumes+1, seen)
	}
}

func TestABootTellsHowFarTheTargetsAre(t *testing.T) {
	h := newHost(t)
	s := h.service()
	stop := h.run(s)
	must(t, s.ApplyDataset(context.Background(), h.doc, false))
	must(t, s.ApplyTarget(context.Background(), h.doc, false))
	b, err := s.Backend()
	must(t, err)
	for i := range 2 {
		_, err = b.Create(context.Background(), CreateRequest{Name: fmt.Sprintf("data-%d", i), Size: size})
		must(t, err)
	}
	stop()
	h.boot()
	// The second target is held up until the first was told.
	first := make(chan struct{})
	var makes atomic.Int32
	h.seam = func(op string) error {
		if op == "enable portal group" && makes.Add(1) == 2 {
			<-first
		}
		return nil
	}
	again := h.service()
	h.run(again)
	_, err = again.await(aMinute(t), func(e Endpoint) bool { return !e.Serving && strings.Contains(e.Reason, "restored, 1 of 2") })
	close(first)
	must(t, err)
	h.served(again, anyhow)
}
