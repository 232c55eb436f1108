package firewall

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

var unreadable = problem.New(problem.InvalidPlatform, "correct it", "the platform document is invalid")

// open is what somebody leaves who takes the drop at the end away.
func (w *world) open() {
	w.kernel.mu.Lock()
	defer w.kernel.mu.Unlock()
	w.kernel.loaded = netfw.RuleSet{}
}

func TestTheRulesAreKeptWhereTheReconcilerLeavesThem(t *testing.T) {
	for name, c := range map[string]struct {
		before   func(*world)
		has      netfw.Profile // "" means that they stay gone
		loads    int
		repaired string
	}{
		"the reconciler can look and has seen nothing: it is its to do": {func(*world) {}, "", 0, ""},
		"the document cannot be read":                                   {func(w *world) { w.noDoc = unreadable }, netfw.Initial, 1, "firewall repaired"},
		"the document is not there":                                     {func(w *world) { w.noDoc = problem.New(problem.NoPlatform, "write one", "there is none") }, netfw.Initial, 1, "firewall repaired"},
		"the reconciler reports what only the operator may decide":      {func(w *world) { w.reported = true }, netfw.Initial, 1, "firewall repaired"},
		"a change waits: its rules are the wanted ones": {func(w *world) {
			w.set(netfw.Lockdown)
			w.noDoc = unreadable
		}, netfw.Lockdown, 2, "firewall pending, firewall repaired"},
		"the state is damaged: what is loaded stays": {func(w *world) {
			w.noDoc = unreadable
			w.file("state.json", "{")
		}, "", 0, ""},
		"the kernel refuses": {func(w *world) {
			w.noDoc = unreadable
			w.kernel.refuse = errors.New("no memory")
		}, "", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).phases0and1()
			c.before(w)
			w.open()
			w.keep(t.Context(), time.Now())
			if c.has == "" && len(w.kernel.loaded.V4) != 0 || c.has != "" && !w.has(c.has) {
				t.Errorf("loaded is %v, want %q", w.kernel.loaded.V4, c.has)
			}
			if w.kernel.loads != c.loads || w.told() != c.repaired {
				t.Errorf("%d loads, events %q; want %d, %q", w.kernel.loads, w.told(), c.loads, c.repaired)
			}
		})
	}
}

func TestAKernelThatRefusesIsNotAskedEverySecond(t *testing.T) {
	w := newWorld(t).phases0and1()
	w.noDoc, w.kernel.refuse = unreadable, errors.New("no memory")
	w.open()
	now := time.Now()
	w.keep(t.Context(), now)
	if left := w.keeping.again.Sub(now); left != keepRetry {
		t.Errorf("it is tried again after %s", left)
	}
	w.kernel.refuse = nil
	w.keep(t.Context(), now.Add(keepRetry))
	if !w.has(netfw.Initial) || w.told() != "firewall repaired" {
		t.Errorf("the rules are not back; events %q", w.told())
	}
}

func TestNothingIsLoadedWhereNothingWasApplied(t *testing.T) {
	w := newWorld(t)
	w.noDoc = unreadable
	w.keep(t.Context(), time.Now())
	if w.kernel.loads != 0 || w.told() != "" {
		t.Errorf("%d loads, events %q", w.kernel.loads, w.told())
	}
}

func TestRulesThatAreRightAreNotLoadedAgain(t *testing.T) {
	w := newWorld(t).phases0and1()
	w.noDoc = unreadable
	w.keep(t.Context(), time.Now())
	if w.kernel.loads != 0 || w.told() != "" {
		t.Errorf("%d loads, events %q", w.kernel.loads, w.told())
	}
}

func TestWhoeverTakesTheRulesAwayAgainAndAgainGetsOneLoadEachTime(t *testing.T) {
	w := newWorld(t).phases0and1()
	w.noDoc = unreadable
	now := time.Now()
	for range 60 { // a minute of it
		for range 10 {
			w.open()
			w.keep(t.Context(), now)
			now = now.Add(100 * time.Millisecond)
		}
	}
	if w.kernel.loads != 60 {
		t.Errorf("%d loads in a minute, want one every %s", w.kernel.loads, keepRest)
	}
	w.keep(t.Context(), now.Add(keepRest))
	if !w.has(netfw.Initial) {
		t.Error("once the other has stopped the rules are not there")
	}
}

func TestAWatchPutsBackWhatIsTakenAway(t *testing.T) {
	w := newWorld(t).phases0and1()
	w.noDoc = unreadable
	ctx, cancel := context.WithCancel(t.Context())
	rules, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); w.Watch(ctx, time.Hour, rules) }()
	defer func() { cancel(); <-done }()
	rules <- struct{}{} // it watches
	w.open()
	rules <- struct{}{}
	for range 6000 {
		if w.has(netfw.Initial) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the rules did not come back within a minute")
}
