package firewall

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// refusal is the code of a problem that also says what to do, "" for none.
func refusal(t *testing.T, err error) problem.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Errorf("%v is no problem", err)
		return "?"
	}
	if p.Hint == "" {
		t.Errorf("%v does not say what to do", err)
	}
	return p.Code
}

func TestWhatConfirmsAChange(t *testing.T) {
	for name, row := range map[string]struct {
		who     func(w *world, before time.Duration) Caller
		console bool
		id      string // "" is whichever waits
		code    problem.Code
		over    string
	}{
		"a connection from elsewhere that was opened after it": {
			func(w *world, _ time.Duration) Caller { return w.teleport(w.boottime()) }, false, "", "", "a new connection from 10.10.0.2:41312"},
		"the same, and the change is named": {
			func(w *world, _ time.Duration) Caller { return w.teleport(w.boottime()) }, false, "its own", "", "a new connection from 10.10.0.2:41312"},
		"the console": {
			func(w *world, _ time.Duration) Caller { return w.socket() }, true, "", "", "the console"},
		"a connection that was open before": {
			func(w *world, before time.Duration) Caller { return w.teleport(before) }, false, "", problem.ProofNeeded, ""},
		"a connection whose age is not known": {
			func(w *world, _ time.Duration) Caller { return w.teleport(0) }, false, "", problem.ProofNeeded, ""},
		"the unix socket": {
			func(w *world, _ time.Duration) Caller { return w.socket() }, false, "", problem.ProofNeeded, ""},
		"a tunnel that ends on the host": {
			func(w *world, _ time.Duration) Caller { return w.tunnel() }, false, "", problem.ProofNeeded, ""},
		"somebody elsewhere who says to be at the console": {
			func(w *world, _ time.Duration) Caller { return w.teleport(w.boottime()) }, true, "", problem.InvalidRequest, ""},
		"another change's name": {
			func(w *world, _ time.Duration) Caller { return w.teleport(w.boottime()) }, false, "change-00000000", problem.NothingPending, ""},
		"another change's name, at the console": {
			func(w *world, _ time.Duration) Caller { return w.socket() }, true, "change-00000000", problem.NothingPending, ""},
		"the console, too late": {
			func(w *world, _ time.Duration) Caller { w.passes(2 * time.Minute); return w.socket() }, true, "", problem.NothingPending, ""},
		"a new connection, too late": {
			func(w *world, _ time.Duration) Caller { w.passes(2 * time.Minute); return w.teleport(w.boottime()) }, false, "", problem.NothingPending, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).phases0and1()
			before := w.boottime()
			p := w.set(netfw.Lockdown)
			who := row.who(w, before)
			id := row.id
			if id == "its own" {
				id = p.ID
			}
			err := w.Confirm(t.Context(), who, id, row.console)
			if got := refusal(t, err); got != row.code {
				t.Fatalf("%q (%v), want %q", got, err, row.code)
			}
			st, err := w.Show(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			if row.code != "" {
				if st.Confirmed != nil || st.Boot != netfw.Initial {
					t.Errorf("it is confirmed all the same: %+v", st.Confirmed)
				}
				return
			}
			if c := st.Confirmed; c == nil || c.ID != p.ID || c.Over != row.over || c.ConfirmedBy != who.Name || st.Boot != netfw.Lockdown || st.Pending != nil {
				t.Errorf("confirmed %+v, boot %s", c, st.Boot)
			}
			if err := w.Confirm(t.Context(), who, p.ID, row.console); err != nil {
				t.Errorf("said twice: %v", err)
			}
			if got := w.told(); got != "firewall pending, firewall confirmed" || w.woken != 2 {
				t.Errorf("events %q, the reconciler was woken %d times", got, w.woken)
			}
		})
	}
}

func TestWhatIsShownWhileAChangeWaitsAndAfterIt(t *testing.T) {
	w := newWorld(t).phases0and1()
	expect := func(when, want string, in netfw.Profile) {
		t.Helper()
		if got := w.status(); got != want || !w.has(in) {
			t.Errorf("%s: %s, and the kernel has %s's rules: %t; want %s", when, got, in, w.has(in), want)
		}
	}
	expect("at first", "live initial, boot initial", netfw.Initial)
	began := time.Now()
	p := w.set(netfw.Lockdown)
	if p.By != "uid 0 (root)" || p.From != "unix" || w.Left(p.Deadline) > time.Minute || w.Left(p.Deadline) < time.Minute-time.Since(began) {
		t.Errorf("%+v, %s left", p, w.Left(p.Deadline))
	}
	expect("while it waits", "live lockdown, boot initial, waits", netfw.Lockdown)
	pending, drift, err := w.Diff(t.Context())
	if err != nil || len(pending) == 0 || len(drift) != 0 {
		t.Errorf("what waits differs in %d places, what is loaded in %d, %v", len(pending), len(drift), err)
	}
	w.again() // the daemon starts anew
	expect("after a restart", "live lockdown, boot initial, waits", netfw.Lockdown)
	if w.told() != "firewall pending" {
		t.Errorf("a restart tells what was told: %s", w.told())
	}
	if err := w.Rollback(t.Context(), w.tunnel(), ""); err != nil {
		t.Fatal(err)
	}
	expect("rolled back", "live initial, boot initial", netfw.Initial)
	if got := refusal(t, w.Rollback(t.Context(), w.socket(), "")); got != problem.NothingPending {
		t.Errorf("rolled back twice: %q", got)
	}
	p = w.set(netfw.Open)
	expect("open, while it waits", "live open, boot initial, waits", netfw.Open)
	w.passes(2 * time.Minute)
	expect("when its time is over, before anybody has taken it back", "live initial, boot initial, waits", netfw.Open)
	if err := w.o.Truth.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("taken back", "live initial, boot initial", netfw.Initial)
	w.Look(t.Context())
	if got := w.told(); got != "firewall pending, firewall rolled back, firewall pending, firewall rolled back" {
		t.Errorf("events: %s", got)
	}
	if err := w.Confirm(t.Context(), w.socket(), p.ID, true); err == nil || !strings.Contains(err.Error(), "it was rolled back at") {
		t.Errorf("a confirmation that comes late is told %v", err)
	}
}

func TestOfTwoChangesAtOnceTheSecondIsToldOfTheFirst(t *testing.T) {
	w := newWorld(t).phases0and1()
	p := w.set(netfw.Lockdown)
	_, _, err := w.Set(t.Context(), w.teleport(w.boottime()), Change{Profile: netfw.Open, Within: time.Minute})
	if got := refusal(t, err); got != problem.ChangePending || len(problem.From(err).Others) != 1 || problem.From(err).Others[0] != p.ID {
		t.Errorf("%q, %v", got, err)
	}
	if !w.has(netfw.Lockdown) || w.kernel.loads != 1 {
		t.Errorf("the second one was loaded: %d loads", w.kernel.loads)
	}
	if _, err := w.Emergency(t.Context(), w.socket(), Opening{From: []string{"198.51.100.7"}}); err != nil {
		t.Fatalf("an emergency has to be possible at any time: %v", err)
	}
	if st, err := w.Show(t.Context(), false); err != nil || st.Pending != nil || st.Live != netfw.Emergency || st.Last == nil || st.Last.ID != p.ID {
		t.Errorf("%+v, %v", st, err)
	}
	_, _, err = w.Set(t.Context(), w.socket(), Change{Profile: netfw.Open, Within: time.Minute})
	if got := refusal(t, err); got != problem.ChangePending {
		t.Errorf("a change in an emergency: %q, %v", got, err)
	}
	if p := problem.From(err); strings.Contains(p.Detail+p.Hint, "confirm") || !strings.Contains(p.Hint, "emergency --end") {
		t.Errorf("an emergency cannot be confirmed, and the refusal says %q, %q", p.Detail, p.Hint)
	}
}

func TestWithADamagedFileNothingIsChangedAndTheEmergencyStillWorks(t *testing.T) {
	w := newWorld(t).phases0and1()
	w.file("state.json", "{")
	if got := w.status(); got != "live unknown, boot unknown, damaged" {
		t.Errorf("it shows %s", got)
	}
	_, _, set := w.Set(t.Context(), w.socket(), Change{Profile: netfw.Open, Within: time.Minute})
	_, _, diff := w.Diff(t.Context())
	_, test := w.Test(t.Context(), Question{From: "internet", To: "host:22/tcp"})
	for what, err := range map[string]error{
		"set": set, "diff": diff, "test": test,
		"confirm":  w.Confirm(t.Context(), w.socket(), "", true),
		"rollback": w.Rollback(t.Context(), w.socket(), ""),
	} {
		if got := refusal(t, err); got != problem.RulesDamaged {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if w.kernel.loads != 0 {
		t.Errorf("%d loads", w.kernel.loads)
	}
	e, err := w.Emergency(t.Context(), w.socket(), Opening{From: []string{"198.51.100.7"}, For: time.Minute})
	if err != nil || w.kernel.loads != 1 {
		t.Fatalf("the emergency: %v", err)
	}
	if err := w.Rollback(t.Context(), w.socket(), e.ID); err != nil {
		t.Errorf("its end: %v", err)
	}
}

// Whoever confirms without a name, and is late or asks twice, hears what became
// of the change and not only that none waits.
func TestAConfirmationThatComesTooLateIsToldHowTheChangeEnded(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(w *world)
		says string
	}{
		"rolled back":     {func(w *world) { w.passes(2 * time.Minute); _ = w.o.Truth.Expire(t.Context()) }, "to lockdown, was rolled back at"},
		"confirmed twice": {func(w *world) { _ = w.Confirm(t.Context(), w.teleport(w.boottime()), "", false) }, "to lockdown, was confirmed at"},
	} {
		w := newWorld(t).phases0and1()
		p := w.set(netfw.Lockdown)
		row.end(w)
		err := w.Confirm(t.Context(), w.teleport(w.boottime()), "", false)
		if refusal(t, err) != problem.NothingPending || !strings.Contains(err.Error(), p.ID) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
