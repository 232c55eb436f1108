package confirm

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// countingLoader is safe for several goroutines, as the driver is.
type countingLoader struct {
	mu     sync.Mutex
	loads  int
	inside bool
	both   bool // two loads at once
}

func (l *countingLoader) LoadRules(context.Context, netfw.RuleSet) error {
	l.mu.Lock()
	l.loads++
	l.both = l.both || l.inside
	l.inside = true
	l.mu.Unlock()
	time.Sleep(time.Millisecond)
	l.mu.Lock()
	l.inside = false
	l.mu.Unlock()
	return nil
}

func (l *countingLoader) CompareRules(context.Context, netfw.RuleSet) ([]netfw.Difference, error) {
	return nil, nil
}

func TestOfManyAtOnceOneWinsAndTheOthersAreToldOfIt(t *testing.T) {
	l := &countingLoader{}
	f, err := Open(Options{Dir: memory(t), Run: memory(t), Loader: l, Guard: noGuard{}})
	if err != nil {
		t.Fatal(err)
	}
	change := Change{Profile: netfw.Lockdown, Rules: rulesOf(t, netfw.Lockdown), Within: time.Minute}
	var group sync.WaitGroup
	won, told := make(chan string, 8), make(chan string, 8)
	for range 8 {
		group.Go(func() {
			p, err := f.Set(t.Context(), change)
			var other *ConflictError
			switch {
			case err == nil:
				won <- p.ID
			case errors.As(err, &other):
				told <- other.ID
			default:
				t.Error(err)
			}
			if err := f.Expire(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := f.Wanted(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 || len(told) != 7 {
		t.Fatalf("%d won, %d were told of another", len(won), len(told))
	}
	winner := <-won
	for range 7 {
		if id := <-told; id != winner {
			t.Errorf("told of %s, the other is %s", id, winner)
		}
	}
	if l.both || l.loads != 1 {
		t.Errorf("%d loads, two at once: %v", l.loads, l.both)
	}
}

func TestWhoeverWaitsForTheLockCanBeCalledOff(t *testing.T) {
	w := newWorld(t)
	unlock, err := w.lock(t.Context(), 0)
	w.ok(err)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := w.Rollback(ctx, "change-1", "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
