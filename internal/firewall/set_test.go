package firewall

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

func TestWhatIsRefusedLoadsNothing(t *testing.T) {
	for name, row := range map[string]struct {
		before func(*world)
		change Change
		code   problem.Code
		says   string
	}{
		"a lockdown before Teleport is there": {func(w *world) { w.missing = []string{"teleport.install", "dns.records"} },
			Change{Profile: netfw.Lockdown}, problem.NeedsNotDone, "teleport.install, dns.records"},
		"a profile that is none":     {func(*world) {}, Change{Profile: "closed"}, "", "closed"},
		"the emergency as a profile": {func(*world) {}, Change{Profile: netfw.Emergency}, problem.InvalidRequest, "waddled emergency"},
		"too short a time":           {func(*world) {}, Change{Profile: netfw.Open, Within: time.Millisecond}, problem.InvalidRequest, "1s to 1h0m0s"},
		"too long a time":            {func(*world) {}, Change{Profile: netfw.Open, Within: 2 * time.Hour}, problem.InvalidRequest, "1s to 1h0m0s"},
		"a document that cannot be read": {func(w *world) { w.noDoc = unreadable },
			Change{Profile: netfw.Open}, problem.InvalidPlatform, "invalid"},
		"a kernel that refuses": {func(w *world) { w.kernel.refuse = errors.New("no memory") },
			Change{Profile: netfw.Open}, problem.NotSettled, "no memory"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).phases0and1()
			row.before(w)
			_, _, err := w.Set(t.Context(), w.socket(), row.change)
			if err == nil || !strings.Contains(err.Error(), row.says) || row.code != "" && refusal(t, err) != row.code {
				t.Errorf("%v, want %q with %q", err, row.code, row.says)
			}
			w.kernel.refuse = nil
			if err := w.o.Truth.Expire(t.Context()); err != nil { // what the kernel would not take back either
				t.Error(err)
			}
			if st, err := w.Show(t.Context(), false); err != nil || st.Pending != nil || !w.has(netfw.Initial) {
				t.Errorf("%+v waits, %v; the kernel has the rules that it had: %t", st.Pending, err, w.has(netfw.Initial))
			}
		})
	}
}

func TestNoProfileBeforePhase0(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.Set(t.Context(), w.socket(), Change{Profile: netfw.Initial, Within: time.Minute})
	if got := refusal(t, err); got != problem.NeedsNotDone || w.kernel.loads != 0 || w.status() != "live none, boot none" {
		t.Errorf("%q, %v; %s", got, err, w.status())
	}
}

func TestForceIsKeptOnlyWhereItWasNeeded(t *testing.T) {
	for name, row := range map[string]struct {
		missing []string
		profile netfw.Profile
		forced  bool
	}{
		"a lockdown too early": {[]string{"teleport.install"}, netfw.Lockdown, true},
		"a lockdown in time":   {nil, netfw.Lockdown, false},
		"another profile":      {[]string{"teleport.install"}, netfw.Open, false},
	} {
		w := newWorld(t).phases0and1()
		w.missing = row.missing
		began, within := time.Now(), w.document.Spec.Lockdown.ConfirmWithin.Std()
		p, _, err := w.Set(t.Context(), w.socket(), Change{Profile: row.profile, Force: true})
		if err != nil || p.Forced != row.forced {
			t.Errorf("%s: forced %t, %v", name, p.Forced, err)
		}
		if left := w.Left(p.Deadline); left > within || left < within-time.Since(began) {
			t.Errorf("%s: without a time it waits for %s, not as the platform says", name, left)
		}
	}
}

// A change keeps to what the phases have loaded already: before phase 1 neither
// masquerade nor pins come with it.
func TestAProfileAppliesNoPhase(t *testing.T) {
	w := newWorld(t)
	set := w.rules(netfw.Initial)
	input := func(chains []netfw.Chain) string {
		return string(netfw.Render(slices.DeleteFunc(slices.Clone(chains), func(c netfw.Chain) bool { return c.Part != netfw.PartInput })))
	}
	w.file("rules.v4", input(set.V4))
	w.file("rules.v6", input(set.V6))
	w.set(netfw.Lockdown)
	if got := partsOf(&w.kernel.loaded); got != netfw.PartInput {
		t.Errorf("parts %b are loaded, want the input's alone", got)
	}
}

func TestWhoeverTheNewRulesKeepOutIsTold(t *testing.T) {
	for name, row := range map[string]struct {
		profile netfw.Profile
		who     func(*world) Caller
		note    string
	}{
		"the Teleport VM, which gets in":  {netfw.Lockdown, func(w *world) Caller { return w.teleport(1) }, ""},
		"the socket, of which no rule is": {netfw.Lockdown, func(w *world) Caller { return w.socket() }, ""},
		"a session from the internet": {netfw.Lockdown, func(w *world) Caller {
			c := w.socket()
			c.Comes = route("198.51.100.7:50000", "203.0.113.10:22")
			return c
		}, "from 198.51.100.7 to 203.0.113.10:22"},
		"the same under rules that let it in": {netfw.Initial, func(w *world) Caller {
			c := w.socket()
			c.Comes = route("198.51.100.7:50000", "203.0.113.10:22")
			return c
		}, ""},
		"a session from the internet over IPv6": {netfw.Lockdown, func(w *world) Caller {
			c := w.socket()
			c.Comes = route("[2001:db8:7::7]:50000", "[2001:db8:113::10]:22")
			return c
		}, "from 2001:db8:7::7"},
		"a stranger on the internal bridge": {netfw.Lockdown, func(w *world) Caller {
			c := w.teleport(1)
			c.Comes = route("10.10.0.99:50000", "10.10.0.1:7443")
			return c
		}, "from 10.10.0.99"},
	} {
		w := newWorld(t).phases0and1()
		_, note, err := w.Set(t.Context(), row.who(w), Change{Profile: row.profile, Within: time.Minute})
		if err != nil || (note == "") != (row.note == "") || !strings.Contains(note, row.note) {
			t.Errorf("%s: note %q, %v; want one with %q", name, note, err, row.note)
		}
	}
}

func TestWhatAnEmergencyOpens(t *testing.T) {
	for name, row := range map[string]struct {
		o     Opening
		noDoc error
		from  string
		ports []uint16
		lasts time.Duration
		says  string // of a refusal
	}{
		"both without a word":     {Opening{From: []string{"198.51.100.7"}}, nil, "[198.51.100.7/32]", []uint16{22, 8006}, 30 * time.Minute, ""},
		"SSH alone":               {Opening{From: []string{"2001:db8::5/64"}, SSH: true, For: time.Minute}, nil, "[2001:db8::/64]", []uint16{22}, time.Minute, ""},
		"the UI alone":            {Opening{From: []string{"::ffff:198.51.100.7"}, UI: true}, nil, "[198.51.100.7/32]", []uint16{8006}, 30 * time.Minute, ""},
		"without a document":      {Opening{From: []string{"198.51.100.7"}}, unreadable, "[198.51.100.7/32]", []uint16{22, 8006}, 30 * time.Minute, ""},
		"nobody":                  {Opening{}, nil, "", nil, 0, "at least one source"},
		"a name":                  {Opening{From: []string{"home"}}, nil, "", nil, 0, "neither an address nor a network"},
		"a zone":                  {Opening{From: []string{"fe80::1%vmbr0"}}, nil, "", nil, 0, "neither an address nor a network"},
		"everybody":               {Opening{From: []string{"::/0"}}, nil, "", nil, 0, "everybody"},
		"for ever":                {Opening{From: []string{"198.51.100.7"}, For: 25 * time.Hour}, nil, "", nil, 0, "24h0m0s"},
		"one of two is a mistake": {Opening{From: []string{"198.51.100.7", "198.51.100.300"}}, nil, "", nil, 0, "198.51.100.300"},
	} {
		w := newWorld(t).phases0and1()
		w.noDoc = row.noDoc
		began := time.Now()
		e, err := w.Emergency(t.Context(), w.socket(), row.o)
		if row.says != "" {
			if refusal(t, err) != problem.InvalidRequest || !strings.Contains(err.Error(), row.says) || w.kernel.loads != 0 {
				t.Errorf("%s: %v, %d loads", name, err, w.kernel.loads)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := texts(e); got != row.from || !slices.Equal(e.Ports, row.ports) || w.Left(e.Until) > row.lasts || w.Left(e.Until) < row.lasts-time.Since(began) {
			t.Errorf("%s: %v to %s for %s", name, e.Ports, got, w.Left(e.Until))
		}
	}
}

func texts(e confirm.Emergency) string {
	var out []string
	for _, s := range e.Sources {
		out = append(out, s.String())
	}
	return "[" + strings.Join(out, " ") + "]"
}
