package confirm

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

func TestReleaseForgetsTheProfileAndLeavesWhatIsLoaded(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Lockdown)
	kernel, undone := w.kernel, 0
	for range 2 { // the second has nothing to forget
		if err := w.Release(t.Context(), func(context.Context) error { undone++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if undone != 2 || w.kernel != kernel {
		t.Errorf("the undo was called %d times, the kernel was touched: %t", undone, w.kernel != kernel)
	}
	s, err := w.State(t.Context())
	if err != nil || s.Confirmed != nil || s.Last != nil {
		t.Errorf("after the release: %+v, %v", s, err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "rules.v4" && e.Name() != "rules.v6" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
	got, err := w.Wanted(t.Context())
	if err != nil || got.Boot != "" || got.BootRules == nil {
		t.Errorf("wanted after the release: %+v, %v", got, err)
	}
}

func TestReleaseIsRefusedWhileSomethingIsInForce(t *testing.T) {
	undo := func(context.Context) error { t.Error("the undo was called"); return nil }
	w := newWorld(t)
	w.confirmed(netfw.Lockdown)
	w.set(netfw.Open)
	var conflict *ConflictError
	if err := w.Release(t.Context(), undo); !errors.As(err, &conflict) {
		t.Errorf("while a change waits: %v", err)
	}
	if _, err := w.Emergency(t.Context(), EmergencyRequest{Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, Ports: []uint16{22}, For: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if err := w.Release(t.Context(), undo); !errors.As(err, &conflict) {
		t.Errorf("in an emergency: %v", err)
	}
	if s, err := w.State(t.Context()); err != nil || s.Confirmed == nil {
		t.Errorf("a refused release has forgotten something: %+v, %v", s, err)
	}
}

// Killed between any two side effects a release leaves a state whose boot loads
// what was confirmed, never the built-in lockdown, and a second one ends it.
func TestAReleaseThatDiesAnywhereCanBeCalledAgain(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		w.confirmed(netfw.Lockdown)
		kernel := w.kernel
		op, crashed := w.until(n, func() { w.ok(w.Release(context.Background(), func(context.Context) error { return nil })) })
		if !crashed {
			if n == 1 {
				t.Fatal("the release has no side effect: it proves nothing")
			}
			t.Logf("killed at each of %d side effects", n-1)
			return
		}
		w.again()
		w.kernel = ""
		if err := w.Boot(t.Context()); err != nil || w.kernel != kernel {
			t.Fatalf("killed at %s, the boot loads something else than what was confirmed: %v", op, err)
		}
		w.ok(w.Release(t.Context(), func(context.Context) error { return nil }))
		if s, err := w.State(t.Context()); err != nil || s.Confirmed != nil {
			t.Fatalf("killed at %s: %+v, %v", op, s, err)
		}
	}
}
