package confirm

import (
	"fmt"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// TestACrashAnywhereEndsInTheRightRules kills each call at each of its side
// effects. What is right afterwards is what the call's record says: the former
// rules, or from the one write that counts on, the new ones.
func TestACrashAnywhereEndsInTheRightRules(t *testing.T) {
	calls := map[string]struct {
		before func(*world) string // returns an id
		do     func(*world, string)
		may    []netfw.Profile // what may be confirmed in the end
	}{
		"set": {
			func(w *world) string { w.confirmed(netfw.Initial); return "" },
			func(w *world, _ string) { _, _ = w.Set(w.t.Context(), w.changeTo(netfw.Lockdown)) },
			[]netfw.Profile{netfw.Initial},
		},
		"confirm": {
			func(w *world) string { w.confirmed(netfw.Initial); return w.set(netfw.Lockdown).ID },
			func(w *world, id string) { _ = w.Confirm(w.t.Context(), id, Proof{Console: true}) },
			[]netfw.Profile{netfw.Initial, netfw.Lockdown},
		},
		"rollback": {
			func(w *world) string { w.confirmed(netfw.Initial); return w.set(netfw.Lockdown).ID },
			func(w *world, id string) { _ = w.Rollback(w.t.Context(), id, "asked for") },
			[]netfw.Profile{netfw.Initial},
		},
		"expire": {
			func(w *world) string {
				w.confirmed(netfw.Initial)
				w.set(netfw.Lockdown)
				w.now += time.Minute
				return ""
			},
			func(w *world, _ string) { _ = w.Expire(w.t.Context()) },
			[]netfw.Profile{netfw.Initial},
		},
		"emergency": {
			func(w *world) string { w.confirmed(netfw.Initial); w.set(netfw.Lockdown); return "" },
			func(w *world, _ string) { _, _ = w.Emergency(w.t.Context(), emergencyRequest()) },
			[]netfw.Profile{netfw.Initial},
		},
		"emergency's end": {
			func(w *world) string {
				w.confirmed(netfw.Initial)
				e, err := w.Emergency(w.t.Context(), emergencyRequest())
				w.ok(err)
				return e.ID
			},
			func(w *world, id string) { _ = w.Rollback(w.t.Context(), id, "over") },
			[]netfw.Profile{netfw.Initial},
		},
		"a load by hand while a change waits": {
			func(w *world) string { w.confirmed(netfw.Initial); w.set(netfw.Lockdown); return "" },
			func(w *world, _ string) { _ = w.Boot(w.t.Context()) },
			[]netfw.Profile{netfw.Initial},
		},
		"a load by hand in an emergency": {
			func(w *world) string {
				w.confirmed(netfw.Initial)
				_, err := w.Emergency(w.t.Context(), emergencyRequest())
				w.ok(err)
				return ""
			},
			func(w *world, _ string) { _ = w.Boot(w.t.Context()) },
			[]netfw.Profile{netfw.Initial},
		},
		"a confirmation that finds the rules gone": {
			func(w *world) string {
				w.confirmed(netfw.Initial)
				id := w.set(netfw.Lockdown).ID
				w.swept()
				return id
			},
			func(w *world, id string) { _ = w.Confirm(w.t.Context(), id, Proof{OpenedAt: w.now + time.Second}) },
			[]netfw.Profile{netfw.Initial},
		},
		"boot": {
			func(w *world) string {
				w.confirmed(netfw.Initial)
				w.set(netfw.Lockdown)
				w.boot, w.kernel = "boot-2", text(netfw.RuleSet{})
				return ""
			},
			func(w *world, _ string) { _ = w.Boot(w.t.Context()) },
			[]netfw.Profile{netfw.Initial},
		},
	}
	points := 0
	for name, c := range calls {
		for _, boots := range []bool{false, true} {
			for n := 1; ; n++ {
				w := newWorld(t)
				id := c.before(w)
				op, crashed := w.until(n, func() { c.do(w, id) })
				if !crashed {
					break
				}
				points++
				when := fmt.Sprintf("%s killed before %s (boot after it: %v)", name, op, boots)
				w.again()
				if boots {
					w.boot, w.kernel = "boot-3", text(netfw.RuleSet{})
					w.ok(w.Boot(t.Context()))
				} else {
					w.now += time.Hour
					w.ok(w.Guarded(t.Context(), "any"))
				}
				rightAfter(w, when, c.may)
			}
		}
	}
	fmt.Printf("crash points: %d, each ended in the right rules\n", points)
	if points < 60 {
		t.Errorf("only %d crash points", points)
	}
}

// rightAfter demands that kernel, boot files and record say the same.
func rightAfter(w *world, when string, may []netfw.Profile) {
	w.t.Helper()
	s, err := w.State(w.t.Context())
	w.ok(err)
	if s.Pending != nil || s.Emergency != nil {
		w.t.Errorf("%s: pending %v, emergency %v", when, s.Pending, s.Emergency)
	}
	confirmed := s.Confirmed.Profile
	if confirmed != may[0] && confirmed != may[len(may)-1] {
		w.t.Errorf("%s: %s is confirmed", when, confirmed)
	}
	w.is(confirmed, when)
	w.bootFilesAre(confirmed, when)
	wanted, err := w.Wanted(w.t.Context())
	if err != nil || wanted.Live != confirmed || wanted.Boot != confirmed || text(*wanted.LiveRules) != w.kernel {
		w.t.Errorf("%s: wanted is %v and %v: %v", when, wanted.Live, wanted.Boot, err)
	}
	// A new change is possible, and nothing of the old one is in its way.
	w.set(netfw.Lockdown)
	w.is(netfw.Lockdown, when+", then set again")
}
