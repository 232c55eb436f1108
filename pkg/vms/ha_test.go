package vms

import (
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// The HA manager is asked in a task that ends at once, and does it seconds later: whoever takes the task's end for
// the deed sends a delete to a VM that runs.
func TestAVMThatTheHAManagerRunsIsWaitedFor(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	if err := n.SetHA(110, true); err != nil {
		t.Fatal(err)
	}
	running := func(want bool) {
		t.Helper()
		if f, err := n.Look(ctx, s); err != nil || f.Running != want {
			t.Errorf("running %v, want %v: %v", f.Running, want, err)
		}
	}
	for _, do := range []struct {
		what    string
		f       func() error
		running bool
	}{
		{"stop", func() error { return n.Stop(ctx, s.Name) }, false},
		{"start", func() error { return n.Start(ctx, s.Name) }, true},
		{"shutdown", func() error { return n.Shutdown(ctx, s.Name, time.Minute, true) }, false},
		{"start again", func() error { return n.Start(ctx, s.Name) }, true},
		{"reboot", func() error { return n.Reboot(ctx, s.Name, time.Minute) }, true},
	} {
		if err := do.f(); err != nil {
			t.Fatalf("%s: %v", do.what, err)
		}
		running(do.running)
	}
	if err := n.Delete(ctx, s.Name, time.Minute); err != nil {
		t.Errorf("the delete of one that runs: %v", err)
	}
	n.nothingLeft()
}

func TestAVMThatTheHAManagerDoesNotBringWhereItWasAskedToIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	if err := n.SetHA(110, true); err != nil {
		t.Fatal(err)
	}
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmstop"})
	d := n.driver(func(o *Options) { o.HA = 100 * time.Millisecond })
	if err := d.Stop(ctx, s.Name); !Is(err, KindState) || !strings.Contains(err.Error(), "ha-manager status") {
		t.Errorf("%v", err)
	}
}
