package confirm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// sleeper is a host on the real clock, whose loader notes what it is asked and when.
type sleeper struct {
	mu    sync.Mutex
	asked []string
	last  time.Duration // Boottime of the last load
	ready func(context.Context) error
	*Firewall
}

func (s *sleeper) LoadRules(_ context.Context, set netfw.RuleSet) error {
	s.note("load")
	return nil
}

func (s *sleeper) CompareRules(context.Context, netfw.RuleSet) ([]netfw.Difference, error) {
	return nil, nil
}

func (s *sleeper) Ready(ctx context.Context) error {
	s.note("look")
	return s.ready(ctx)
}

func (s *sleeper) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = Boottime()
	s.asked = append(s.asked, what)
}

func (*sleeper) Arm(context.Context, string, time.Duration) (string, error) { return "a test", nil }

func (*sleeper) Disarm(context.Context, string, string) error { return nil }

// asleep has a change that waits for a second, of which most is left.
func asleep(t *testing.T, ready func(context.Context) error) (*sleeper, Pending) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		s := &sleeper{ready: ready}
		var err error
		if s.Firewall, err = Open(Options{Dir: memory(t), Run: memory(t), Loader: s, Guard: s}); err != nil {
			t.Fatal(err)
		}
		p, err := s.Set(t.Context(), Change{Profile: netfw.Lockdown, Rules: rulesOf(t, netfw.Lockdown), Within: MinWithin, By: "somebody"})
		s.asked = nil
		switch {
		case err == nil && s.Left(p.Deadline) > MinWithin/2:
			return s, p
		case err != nil && !strings.Contains(err.Error(), "the time to confirm was over before"):
			t.Fatal(err)
		}
	}
	t.Fatal("for a minute the machine was too busy to load a change within a second")
	return nil, Pending{}
}

func TestTheGuardLooksBeforeTheDeadlineAndLoadsAfterIt(t *testing.T) {
	c := newControl(t)
	for name, ready := range map[string]func(context.Context) error{
		"and is ready":                    func(context.Context) error { return nil },
		"though the look failed":          func(context.Context) error { return errors.New("no iptables") },
		"though the look does not return": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			s, p := asleep(t, ready)
			for begins := Boottime(); ; s, p = asleep(t, ready) {
				if err := s.Awaited(t.Context(), p.ID, p.Deadline.at()); err != nil {
					t.Fatal(err)
				}
				if slices.Contains(s.asked, "look") || c.stoodStill(begins, Boottime()) == 0 {
					break
				}
			}
			if len(s.asked) < 2 || s.asked[0] != "look" || slices.Contains(s.asked[1:], "look") {
				t.Errorf("the loader was asked %v", s.asked)
			}
			if s.last < p.Deadline.at() {
				t.Errorf("loaded %s before the deadline", p.Deadline.at()-s.last)
			}
			if now, err := s.State(t.Context()); err != nil || now.Pending != nil || now.Last == nil || now.Last.Result != WasRolledBack {
				t.Errorf("%+v, %v", now, err)
			}
		})
	}
}

func TestAGuardThatIsEndedWhileItWaitsLoadsNothing(t *testing.T) {
	s, p := asleep(t, func(context.Context) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Awaited(ctx, p.ID, p.Deadline.at()+time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if slices.Contains(s.asked, "load") {
		t.Errorf("the loader was asked %v", s.asked)
	}
	if now, err := s.State(t.Context()); err != nil || now.Pending == nil {
		t.Errorf("%+v, %v", now, err)
	}
}
