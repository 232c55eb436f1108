package confirm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// world is a host of which only the disk is real.
type world struct {
	t      testing.TB
	dir    string
	run    string
	now    time.Duration
	boot   string
	wall   time.Time
	kernel string // what is loaded, as text
	loaded netfw.RuleSet
	armed  map[string]time.Duration
	ops    []string
	seam   func(op string) error
	refuse error // from the guard
	*Firewall
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: memory(t), run: memory(t), now: time.Hour, boot: "boot-1", wall: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), armed: map[string]time.Duration{}}
	w.kernel = text(netfw.RuleSet{})
	w.again()
	return w
}

// again is a process that starts.
func (w *world) again() {
	w.t.Helper()
	f, err := Open(Options{Dir: w.dir, Run: w.run, Loader: w, Guard: w, Seam: func(op string) error {
		w.ops = append(w.ops, op)
		if w.seam != nil {
			return w.seam(op)
		}
		return nil
	}, Clock: Clock{
		Boot:   func() time.Duration { w.now += time.Microsecond; return w.now },
		Wall:   func() time.Time { return w.wall },
		BootID: func() (string, error) { return w.boot, nil },
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Firewall = f
}

func (w *world) LoadRules(_ context.Context, set netfw.RuleSet) error {
	w.kernel, w.loaded = text(set), set
	return nil
}

func (w *world) CompareRules(_ context.Context, set netfw.RuleSet) ([]netfw.Difference, error) {
	return netfw.Changes(w.loaded, set), nil
}

func (w *world) Close(context.Context) error {
	w.kernel = "closed"
	return nil
}

func (w *world) Arm(_ context.Context, id string, at time.Duration) (string, error) {
	if w.refuse != nil {
		return "", w.refuse
	}
	w.armed[id] = at
	return "fake:" + id, nil
}

func (w *world) Disarm(_ context.Context, id, _ string) error {
	delete(w.armed, id)
	return nil
}

func (w *world) guards() []string { return slices.Sorted(maps.Keys(w.armed)) }

// text is a rule set as it lies in the kernel.
func text(set netfw.RuleSet) string {
	var b strings.Builder
	for _, k := range kinds {
		b.Write(render(set, k.family))
	}
	return b.String()
}

// planRules is the plan's own platform.
func planRules(p netfw.Profile) netfw.RuleConfig {
	return netfw.RuleConfig{
		Parts: netfw.PartInput | netfw.PartForward | netfw.PartNAT, Profile: p,
		InternalBridge: "vmbr1", InternalCIDR: netip.MustParsePrefix("10.10.0.0/24"), InternalAddress: netip.MustParseAddr("10.10.0.1"),
		PublicBridge: "vmbr0", SSHPort: 22, InternalTCP: []uint16{22, 8006},
		Zones: netfw.Zones{Teleport: netfw.Zone{Addresses: []netip.Addr{netip.MustParseAddr("10.10.0.2")}, TCP: []uint16{22, 8006}}},
	}
}

func rulesOf(t testing.TB, p netfw.Profile) netfw.RuleSet {
	t.Helper()
	set, err := netfw.Rules(planRules(p))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// changeTo is a request that takes ten seconds to confirm.
func (w *world) changeTo(p netfw.Profile) Change {
	return Change{Profile: p, Rules: rulesOf(w.t, p), Within: 10 * time.Second, By: "ada", From: "198.51.100.7"}
}

func (w *world) set(p netfw.Profile) Pending {
	w.t.Helper()
	pending, err := w.Set(w.t.Context(), w.changeTo(p))
	if err != nil {
		w.t.Fatal(err)
	}
	return pending
}

// confirmed has a profile confirmed.
func (w *world) confirmed(p netfw.Profile) {
	w.t.Helper()
	if err := w.Confirm(w.t.Context(), w.set(p).ID, Proof{OpenedAt: w.now + time.Second}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) is(p netfw.Profile, when string) {
	w.t.Helper()
	if want := text(rulesOf(w.t, p)); w.kernel != want {
		w.t.Errorf("%s: the kernel has not the rules of %s but\n%s", when, p, w.kernel)
	}
}

// bootFilesAre checks what a driver or an operator would find.
func (w *world) bootFilesAre(p netfw.Profile, when string) {
	w.t.Helper()
	set, err := w.readBootFiles(p != netfw.Open)
	if err != nil || set == nil || text(*set) != text(rulesOf(w.t, p)) {
		w.t.Errorf("%s: the boot files do not say %s: %v", when, p, err)
	}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash is what a SIGKILL at a seam is in one process: nothing runs any more but
// the kernel, which releases the lock.
type crash struct{ op string }

// until runs do up to its n-th seam, and reports whether it got there.
func (w *world) until(n int, do func()) (op string, crashed bool) {
	count := 0
	w.seam = func(op string) error {
		if count++; count == n {
			panic(crash{op})
		}
		return nil
	}
	defer func() {
		w.seam = nil
		if r := recover(); r != nil {
			c, ok := r.(crash)
			if !ok {
				panic(r)
			}
			op, crashed = c.op, true
		}
	}()
	do()
	return "", false
}

var errNoSpace = errors.New("no space left on device")

func failing(ops ...string) func(string) error {
	return func(op string) error {
		if slices.ContainsFunc(ops, func(o string) bool { return strings.HasPrefix(op, "firewall:"+o) }) {
			return fmt.Errorf("%s: %w", op, errNoSpace)
		}
		return nil
	}
}
