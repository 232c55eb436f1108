package confirm

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

func emergencyRequest() EmergencyRequest {
	return EmergencyRequest{Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::7/128")},
		Ports: []uint16{22, 8006}, For: time.Minute, By: "ada"}
}

func TestTheStateSaysWhoConfirmedAndOverWhat(t *testing.T) {
	for name, c := range map[string]struct {
		proof Proof
		over  string
	}{
		"a caller that says from where": {Proof{OpenedAt: 10 * time.Hour, By: "token ops", Over: "TLS from 10.10.0.2"}, "TLS from 10.10.0.2"},
		"a caller that does not":        {Proof{OpenedAt: 10 * time.Hour, By: "token ops"}, "a connection that was opened after the change"},
		"the console":                   {Proof{Console: true, By: "token ops"}, "the console"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.set(netfw.Lockdown)
			w.wall = w.wall.Add(time.Second)
			w.ok(w.Confirm(t.Context(), p.ID, c.proof))
			w.again()
			s, err := w.State(t.Context())
			w.ok(err)
			got := s.Confirmed
			if got.By != "ada" || got.ConfirmedBy != "token ops" || got.Over != c.over || !got.SetAt.Equal(p.ArmedAt) || !got.At.After(got.SetAt) {
				t.Errorf("the state says %+v", *got)
			}
		})
	}
}

func TestAConfirmedChangeStays(t *testing.T) {
	w := newWorld(t)
	p := w.set(netfw.Initial)
	w.is(netfw.Initial, "set")
	if got := w.guards(); len(got) != 1 || got[0] != p.ID {
		t.Errorf("armed: %v", got)
	}
	w.ok(w.Confirm(t.Context(), p.ID, Proof{OpenedAt: p.LoadedAt + 1}))
	w.ok(w.Confirm(t.Context(), p.ID, Proof{OpenedAt: p.LoadedAt + 1}))
	if got := w.guards(); len(got) != 0 {
		t.Errorf("still armed: %v", got)
	}
	w.now += time.Hour
	w.ok(w.Expire(t.Context()))
	w.is(netfw.Initial, "an hour later")
	w.bootFilesAre(netfw.Initial, "confirmed")
	w.boot, w.kernel = "boot-2", ""
	w.ok(w.Boot(t.Context()))
	w.is(netfw.Initial, "after a boot")
}

func TestTheBootFilesStayConfirmedWhileAChangeIsPending(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	p := w.set(netfw.Lockdown)
	w.bootFilesAre(netfw.Initial, "pending")
	want, err := w.Wanted(t.Context())
	if err != nil || want.Live != netfw.Lockdown || want.Boot != netfw.Initial || want.Pending.ID != p.ID {
		t.Errorf("wanted: %+v: %v", want, err)
	}
	w.now += 11 * time.Second // nobody has recorded anything yet
	if want, err = w.Wanted(t.Context()); err != nil || want.Live != netfw.Initial || want.Pending != nil {
		t.Errorf("wanted after the deadline: %+v: %v", want, err)
	}
}

func TestWhatDoesNotConfirm(t *testing.T) {
	for name, c := range map[string]struct {
		proof func(p Pending) Proof
		id    string
		later time.Duration
		want  any
	}{
		"a connection that was open before":     {func(p Pending) Proof { return Proof{OpenedAt: p.LoadedAt - 1} }, "", 0, &ProofError{}},
		"one that was opened at that instant":   {func(p Pending) Proof { return Proof{OpenedAt: p.LoadedAt} }, "", 0, &ProofError{}},
		"one whose time nobody noted":           {func(Pending) Proof { return Proof{} }, "", 0, &ProofError{}},
		"another change's id":                   {func(p Pending) Proof { return Proof{OpenedAt: p.LoadedAt + 1} }, "change-00000000", 0, &NotPendingError{}},
		"a good connection after the deadline":  {func(p Pending) Proof { return Proof{OpenedAt: p.LoadedAt + 1} }, "", 10 * time.Second, &NotPendingError{}},
		"the console after the deadline":        {func(Pending) Proof { return Proof{Console: true} }, "", time.Minute, &NotPendingError{}},
		"an id that tries to leave the folder":  {func(Pending) Proof { return Proof{Console: true} }, "../../x", 0, &NotPendingError{}},
		"the console with another change's id.": {func(Pending) Proof { return Proof{Console: true} }, "x", 0, &NotPendingError{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.confirmed(netfw.Initial)
			p := w.set(netfw.Lockdown)
			id := p.ID
			if c.id != "" {
				id = c.id
			}
			w.now += c.later
			err := w.Confirm(t.Context(), id, c.proof(p))
			var proof *ProofError
			var pending *NotPendingError
			switch c.want.(type) {
			case *ProofError:
				if !errors.As(err, &proof) {
					t.Errorf("got %v", err)
				}
			case *NotPendingError:
				if !errors.As(err, &pending) {
					t.Errorf("got %v", err)
				}
			}
			w.now += time.Minute
			w.ok(w.Expire(t.Context()))
			w.is(netfw.Initial, "after the deadline")
			w.bootFilesAre(netfw.Initial, "after the deadline")
		})
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		change  func(*Change)
		says    string
	}{
		"emergency is no profile to set":           {nil, func(c *Change) { c.Profile = netfw.Emergency }, "allowed are open, initial, lockdown"},
		"a profile that is none":                   {nil, func(c *Change) { c.Profile = "closed" }, "allowed are open, initial, lockdown"},
		"no time to confirm":                       {nil, func(c *Change) { c.Within = 0 }, "allowed are 1s to 1h"},
		"a day to confirm":                         {nil, func(c *Change) { c.Within = 24 * time.Hour }, "allowed are 1s to 1h"},
		"rules of one family only":                 {nil, func(c *Change) { c.Rules.V6 = nil }, "no rules for the family ip6"},
		"rules that do not end with a drop":        {nil, func(c *Change) { c.Rules.V4[0].Rules = []string{"-i lo -j ACCEPT"} }, "does not end with -j DROP"},
		"a disk that is full at the first file":    {func(w *world) { w.seam = failing("write:rules-ID.v4") }, nil, "nothing was loaded"},
		"a disk that is full at the second file":   {func(w *world) { w.seam = failing("write:rules-ID.v6") }, nil, "nothing was loaded"},
		"a disk that is full at the state":         {func(w *world) { w.seam = failing("rename:state.json") }, nil, "nothing was loaded"},
		"a guard that cannot be armed":             {func(w *world) { w.refuse = errors.New("no systemd") }, nil, "cannot arm the rollback: no systemd"},
		"rules that the kernel refuses":            {func(w *world) { w.seam = once("load") }, nil, "firewall:load"},
		"another change that is pending":           {func(w *world) { w.set(netfw.Initial) }, nil, "change-"},
		"an emergency":                             {func(w *world) { _, err := w.Emergency(w.t.Context(), emergencyRequest()); w.ok(err) }, nil, "the emergency emergency-"},
		"a state file that is damaged":             {func(w *world) { w.damage("state.json", "{") }, nil, "cannot trust"},
		"a state file of a newer program":          {func(w *world) { w.damage("state.json", `{"version": 2}`) }, nil, "its version is 2, this program knows 1"},
		"a state file with a word that is unknown": {func(w *world) { w.damage("state.json", `{"version": 1, "more": 1}`) }, nil, "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.confirmed(netfw.Initial)
			if c.prepare != nil {
				c.prepare(w)
			}
			kernel := w.kernel
			change := w.changeTo(netfw.Lockdown)
			if c.change != nil {
				c.change(&change)
			}
			_, err := w.Set(t.Context(), change)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if w.kernel != kernel {
				t.Errorf("loaded all the same:\n%s", w.kernel)
			}
			w.bootFilesAre(netfw.Initial, "refused")
		})
	}
}

// once fails the first time that the operation comes.
func once(op string) func(string) error {
	fail := failing(op)
	done := false
	return func(got string) error {
		if done {
			return nil
		}
		err := fail(got)
		done = err != nil
		return err
	}
}

func (w *world) damage(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheConflictNamesTheOther(t *testing.T) {
	w := newWorld(t)
	p := w.set(netfw.Initial)
	_, err := w.Set(t.Context(), w.changeTo(netfw.Lockdown))
	var c *ConflictError
	if !errors.As(err, &c) || c.ID != p.ID || c.By != "ada" || !c.Until.Equal(p.Deadline.Wall) {
		t.Errorf("got %v", err)
	}
}

func TestARollbackNeedsNoDisk(t *testing.T) {
	for name, end := range map[string]func(*world, Pending) error{
		"at the deadline": func(w *world, _ Pending) error { w.now += time.Minute; return w.Guarded(w.t.Context(), "x") },
		"asked for":       func(w *world, p Pending) error { return w.Rollback(w.t.Context(), p.ID, "asked for") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.confirmed(netfw.Initial)
			p := w.set(netfw.Lockdown)
			w.seam = failing("write:")
			w.ok(end(w, p))
			w.is(netfw.Initial, "on a full disk")
			if want, err := w.Wanted(t.Context()); err != nil || want.Live != netfw.Initial {
				t.Errorf("wanted %v: %v", want.Live, err)
			}
			w.seam = nil
			w.ok(w.Expire(t.Context()))
			s, err := w.State(t.Context())
			if err != nil || s.Pending != nil || s.Last.Result != WasRolledBack {
				t.Errorf("not recorded once there was space: %+v: %v", s, err)
			}
		})
	}
}

func TestAJumpOfTheWallClockChangesNothing(t *testing.T) {
	for name, jump := range map[string]time.Duration{"ahead": 1000 * time.Hour, "back": -1000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.confirmed(netfw.Initial)
			p := w.set(netfw.Lockdown)
			w.wall = w.wall.Add(jump)
			w.ok(w.Expire(t.Context()))
			w.is(netfw.Lockdown, "before the deadline")
			w.now = p.Deadline.at()
			w.ok(w.Expire(t.Context()))
			w.is(netfw.Initial, "after the deadline")
		})
	}
}

func TestBoot(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		want    func(testing.TB) netfw.RuleSet
		loud    bool
	}{
		"nothing was ever set":                   {nil, func(testing.TB) netfw.RuleSet { return netfw.RuleSet{} }, false},
		"a profile is confirmed":                 {func(w *world) { w.confirmed(netfw.Initial) }, is(netfw.Initial), false},
		"a change was pending":                   {func(w *world) { w.confirmed(netfw.Initial); w.set(netfw.Lockdown) }, is(netfw.Initial), false},
		"the first change was pending":           {func(w *world) { w.set(netfw.Lockdown) }, func(testing.TB) netfw.RuleSet { return netfw.RuleSet{} }, false},
		"only the driver has written rules":      {func(w *world) { w.ok(w.writeBootFiles(rulesOf(w.t, netfw.Initial))) }, is(netfw.Initial), false},
		"the state file is damaged":              {func(w *world) { w.confirmed(netfw.Initial); w.damage("state.json", "\x00\x00") }, builtin, true},
		"the state file is of a newer program":   {func(w *world) { w.confirmed(netfw.Initial); w.damage("state.json", `{"version": 9}`) }, builtin, true},
		"a rule file is cut off":                 {func(w *world) { w.confirmed(netfw.Initial); w.cut("rules.v4") }, builtin, true},
		"a rule file is empty":                   {func(w *world) { w.confirmed(netfw.Initial); w.damage("rules.v6", "") }, builtin, true},
		"a rule file is missing":                 {func(w *world) { w.confirmed(netfw.Initial); w.ok(w.remove(w.dir, "rules.v6")) }, builtin, true},
		"every rule file is missing":             {func(w *world) { w.confirmed(netfw.Initial); w.ok(w.remove(w.dir, "rules.v4", "rules.v6")) }, builtin, true},
		"the driver's only rule file is damaged": {func(w *world) { w.damage("rules.v4", "*filter\n-A INPUT -j ACCEPT\n") }, builtin, true},
		"nothing can be written": {func(w *world) {
			w.confirmed(netfw.Initial)
			w.set(netfw.Lockdown)
			w.seam = failing("write:", "unlink:")
		},
			is(netfw.Initial), false},
		"the kernel refuses what is saved": {func(w *world) { w.confirmed(netfw.Initial); w.seam = once("load") }, builtin, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.prepare != nil {
				c.prepare(w)
			}
			w.boot, w.kernel = "boot-2", ""
			err := w.Boot(t.Context())
			if c.loud != (err != nil) {
				t.Errorf("it says %v", err)
			}
			if w.kernel != text(c.want(t)) {
				t.Errorf("loaded:\n%s", w.kernel)
			}
		})
	}
}

func TestABootThatCanLoadNothingClosesTheHost(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Open) // whatever it would have been
	w.boot, w.seam = "boot-2", failing("load")
	if err := w.Boot(t.Context()); err == nil || !errors.Is(err, errNoSpace) {
		t.Errorf("it says %v", err)
	}
	if w.kernel != "closed" {
		t.Errorf("loaded:\n%s", w.kernel)
	}
}

func is(p netfw.Profile) func(testing.TB) netfw.RuleSet {
	return func(t testing.TB) netfw.RuleSet { return rulesOf(t, p) }
}

func builtin(testing.TB) netfw.RuleSet { return netfw.BuiltinLockdown() }

func (w *world) cut(name string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	w.ok(err)
	w.damage(name, string(b[:len(b)/2]))
}

func TestTheGuardRollsBackThoughTheStateIsDamaged(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	p := w.set(netfw.Lockdown)
	w.damage("state.json", "{")
	if err := w.Expire(t.Context()); err == nil {
		t.Error("the reconciler is not told that the state is damaged")
	}
	w.is(netfw.Lockdown, "with the state damaged")
	w.now += time.Minute
	w.ok(w.Guarded(t.Context(), p.ID))
	w.is(netfw.Initial, "after the guard")
}

func TestADamagedChangeIsRolledBackAtOnce(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	p := w.set(netfw.Lockdown)
	w.cut(changeName(p.ID, "v6"))
	w.ok(w.Expire(t.Context()))
	w.is(netfw.Initial, "with the change's file damaged")
}

func TestARollbackToDamagedRulesTakesTheChangesOwnCopyThenLockdown(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	w.set(netfw.Lockdown)
	w.cut("rules.v4")
	w.now += time.Minute
	w.ok(w.Expire(t.Context()))
	w.is(netfw.Initial, "with the boot file damaged")

	w = newWorld(t)
	w.confirmed(netfw.Initial)
	s, err := w.State(t.Context())
	w.ok(err)
	w.set(netfw.Open)
	w.cut("rules.v4")
	w.cut(changeName(s.Confirmed.ID, "v4"))
	w.now += time.Minute
	w.ok(w.Guarded(t.Context(), "x")) // comes to an end
	if w.kernel != text(netfw.BuiltinLockdown()) {
		t.Errorf("with both copies damaged there is\n%s", w.kernel)
	}
}

func TestBootFilesThatAreLostWhileTheHostRunsAreWrittenAgain(t *testing.T) {
	for name, lose := range map[string]func(*world){
		"one is cut off":     func(w *world) { w.cut("rules.v4") },
		"one is missing":     func(w *world) { w.ok(w.remove(w.dir, "rules.v6")) },
		"all are missing":    func(w *world) { w.ok(w.remove(w.dir, "rules.v4", "rules.v6", "rules.bridge")) },
		"nonsense is in one": func(w *world) { w.damage("rules.v6", "*filter nonsense\n") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.confirmed(netfw.Lockdown)
			lose(w)
			w.ok(w.Expire(t.Context()))
			w.boot, w.kernel = "boot-2", ""
			w.ok(w.Boot(t.Context()))
			w.is(netfw.Lockdown, "after the next boot")
		})
	}
	t.Run("what the driver has written since stays", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Lockdown)
		since := rulesOf(t, netfw.Lockdown)
		since.V4 = slices.Clone(since.V4)
		since.V4[0].Rules = append([]string{"-s 10.10.0.2/32 -i vmbr1 -p tcp -m tcp --dport 2222 -j ACCEPT"}, since.V4[0].Rules...)
		w.ok(w.writeBootFiles(since))
		w.ok(w.Expire(t.Context()))
		w.boot, w.kernel = "boot-2", ""
		w.ok(w.Boot(t.Context()))
		if w.kernel != text(since) {
			t.Errorf("loaded:\n%s", w.kernel)
		}
	})
	t.Run("the change's own are damaged too", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Lockdown)
		w.cut("rules.v4")
		s, err := w.State(t.Context())
		w.ok(err)
		w.cut(changeName(s.Confirmed.ID, "v4"))
		w.ok(w.Expire(t.Context()))
		if _, err := w.Wanted(t.Context()); err == nil {
			t.Error("nobody is told")
		}
	})
}

func TestChainsThatAChangeDoesNotNameStay(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	c := w.changeTo(netfw.Lockdown)
	c.Rules.V4, c.Rules.V6 = c.Rules.V4[:1], c.Rules.V6[:1] // INPUT only
	p, err := w.Set(t.Context(), c)
	w.ok(err)
	w.ok(w.Confirm(t.Context(), p.ID, Proof{Console: true}))
	if !strings.Contains(w.kernel, "MASQUERADE") || !strings.Contains(w.kernel, ":WADDLE-FORWARD") {
		t.Errorf("what is forwarded is gone:\n%s", w.kernel)
	}
	w.kernel = ""
	w.ok(w.Boot(t.Context()))
	if !strings.Contains(w.kernel, "MASQUERADE") {
		t.Errorf("what is forwarded is gone after a boot:\n%s", w.kernel)
	}
}

func TestPinsStayInEveryProfileButOpen(t *testing.T) {
	c := planRules(netfw.Initial)
	c.Parts, c.Pins = netfw.PartPins, map[int][]netip.Addr{102: {netip.MustParseAddr("10.10.0.2")}}
	pins, err := netfw.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	initial := w.changeTo(netfw.Initial)
	initial.Rules.Pins = pins.Pins
	p, err := w.Set(t.Context(), initial)
	w.ok(err)
	w.ok(w.Confirm(t.Context(), p.ID, Proof{Console: true}))
	pinned := func(when string, want bool) {
		t.Helper()
		if got := strings.Contains(w.kernel, "tap102i"); got != want {
			t.Errorf("%s: the pins are loaded: %v", when, got)
		}
	}
	w.confirmed(netfw.Lockdown)
	pinned("in lockdown, which does not name them", true)
	open := w.set(netfw.Open)
	pinned("in the open profile", false)
	w.now += time.Minute
	w.ok(w.Expire(t.Context()))
	pinned("after the rollback of "+open.ID, true)
	w.confirmed(netfw.Open)

	// What the driver then leaves, when it looks after a file that was there.
	w.ok(os.WriteFile(filepath.Join(w.dir, "rules.bridge"), netfw.Render(nil), 0o600))
	if _, err := w.Wanted(t.Context()); err != nil {
		t.Errorf("a file that pins nothing counts as damaged: %v", err)
	}
	w.kernel = ""
	w.ok(w.Boot(t.Context()))
	w.is(netfw.Open, "after a boot")
	w.ok(os.WriteFile(filepath.Join(w.dir, "rules.bridge"), netfw.Render(nil)[:40], 0o600))
	var damaged *DamagedError
	if _, err := w.Wanted(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("one that was cut off does not: %v", err)
	}
}

func TestEmergency(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		after   func(testing.TB) netfw.RuleSet
	}{
		"a host where nothing was ever set":   {func(*world) {}, func(testing.TB) netfw.RuleSet { return netfw.RuleSet{} }},
		"a confirmed profile":                 {func(w *world) { w.confirmed(netfw.Lockdown) }, is(netfw.Lockdown)},
		"a pending change":                    {func(w *world) { w.confirmed(netfw.Initial); w.set(netfw.Lockdown) }, is(netfw.Initial)},
		"a damaged state":                     {func(w *world) { w.confirmed(netfw.Initial); w.damage("state.json", "{") }, is(netfw.Initial)},
		"a damaged state and damaged rules":   {func(w *world) { w.damage("state.json", "{"); w.damage("rules.v4", "{") }, builtin},
		"a disk to which nothing is written.": {func(w *world) { w.confirmed(netfw.Initial); w.seam = failing("write:state", "write:rules.") }, is(netfw.Initial)},
		"another emergency": {func(w *world) {
			w.confirmed(netfw.Initial)
			_, err := w.Emergency(w.t.Context(), emergencyRequest())
			w.ok(err)
		}, is(netfw.Initial)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			e, err := w.Emergency(t.Context(), emergencyRequest())
			w.ok(err)
			for _, want := range []string{"-A WADDLE-INPUT -s 198.51.100.7/32 -p tcp -m tcp --dport 8006 -j ACCEPT", "-A WADDLE-INPUT -s 2001:db8::7/128 -p tcp -m tcp --dport 22 -j ACCEPT"} {
				if !strings.Contains(w.kernel, want) {
					t.Errorf("%q is missing in\n%s", want, w.kernel)
				}
			}
			if got := w.guards(); len(got) != 1 || got[0] != e.ID {
				t.Errorf("armed: %v", got)
			}
			if want, err := w.Wanted(t.Context()); err == nil && (want.Live != netfw.Emergency || text(*want.LiveRules) != w.kernel) {
				t.Errorf("wanted: %v", want.Live)
			}
			w.now += 2 * time.Minute
			w.ok(w.Guarded(t.Context(), e.ID))
			if w.kernel != text(c.after(t)) {
				t.Errorf("afterwards there is\n%s", w.kernel)
			}
			if s, _ := w.State(t.Context()); s.Emergency != nil || s.Pending != nil {
				t.Errorf("afterwards: %+v", s)
			}
		})
	}
}

func TestAnOverdueEmergencyIsInNobodysWay(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	_, err := w.Emergency(t.Context(), emergencyRequest())
	w.ok(err)
	w.now += 2 * time.Minute // and its guard was killed
	w.set(netfw.Lockdown)
	w.is(netfw.Lockdown, "set after the emergency")
	if s, err := w.State(t.Context()); err != nil || s.Emergency != nil {
		t.Errorf("%+v: %v", s, err)
	}
}

func TestAnEmergencyIsAsThePlatformSaysWhereItCanBeRead(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	w.lockdown = func(netfw.Exception) (netfw.RuleSet, error) { return rulesOf(t, netfw.Lockdown), nil }
	e, err := w.Emergency(t.Context(), emergencyRequest())
	w.ok(err)
	w.is(netfw.Lockdown, "emergency")
	if e.Basis != "the platform's lockdown" {
		t.Errorf("basis: %s", e.Basis)
	}
}

// from has an emergency be for these.
func from(sources ...string) func(*EmergencyRequest) {
	return func(r *EmergencyRequest) {
		r.Sources = nil
		for _, s := range sources {
			r.Sources = append(r.Sources, netip.MustParsePrefix(s))
		}
	}
}

func TestAnEmergencyIsForAProvidersCustomersAtMost(t *testing.T) {
	for _, sources := range [][]string{{"16.0.0.0/8"}, {"2400::/16"}, {"16.0.0.0/8", "2400::/16"}, {"198.51.100.0/24", "203.0.113.7/32", "192.0.2.0/24", "2001:db8::/32", "fd00::/64"}} {
		w, r := newWorld(t), emergencyRequest()
		from(sources...)(&r)
		if _, err := w.Emergency(t.Context(), r); err != nil {
			t.Errorf("%v: %v", sources, err)
		}
	}
}

func TestAnEmergencyIsNeverForEverybody(t *testing.T) {
	for name, change := range map[string]func(*EmergencyRequest){
		"nobody":                          func(r *EmergencyRequest) { r.Sources = nil },
		"everybody":                       from("::/0"),
		"half of the world":               from("0.0.0.0/1"),
		"the IPv6 internet":               from("2000::/3"),
		"two that are near to everybody":  from("16.0.0.0/8", "17.0.0.0/8"),
		"many that are near to everybody": from("2001:db8::/32", "2400::/16"),
		"no network":                      func(r *EmergencyRequest) { r.Sources = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")} },
		"no source":                       func(r *EmergencyRequest) { r.Sources = []netip.Prefix{{}} },
		"no port":                         func(r *EmergencyRequest) { r.Ports = nil },
		"port 0":                          func(r *EmergencyRequest) { r.Ports = []uint16{0} },
		"for ever":                        func(r *EmergencyRequest) { r.For = 8760 * time.Hour },
		"for no time at all":              func(r *EmergencyRequest) { r.For = 0 },
	} {
		w := newWorld(t)
		r := emergencyRequest()
		change(&r)
		var bad *InvalidError
		if _, err := w.Emergency(t.Context(), r); !errors.As(err, &bad) || len(w.ops) > 0 {
			t.Errorf("%s: %v, after %v", name, err, w.ops)
		}
	}
}

func TestTheReconcilerHoldsTheLock(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	w.set(netfw.Lockdown)
	w.now += time.Minute // due, not recorded
	err := w.Hold(t.Context(), func(_ context.Context, want Wanted) error {
		if want.Live != netfw.Initial {
			t.Errorf("wanted %s", want.Live)
		}
		if _, err := w.lock(t.Context(), 0); !errors.Is(err, ErrLocked) {
			t.Errorf("the lock is free: %v", err)
		}
		return nil
	})
	w.ok(err)
	w.is(netfw.Initial, "held")
}
