package firewall

import (
	"context"
	"errors"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// reconciles is how long after the kernel's rules have changed the reconciler
// has looked at them.
const reconciles = 3 * time.Second

// keepRest is between two repairs, so that somebody who takes the rules away
// again and again gets no more than a load each time.
const keepRest = time.Second

// keepRetry is after a repair that failed; a change of the rules comes before it.
const keepRetry = 30 * time.Second

// keeping is what keep remembers.
type keeping struct {
	again time.Time // when to look once more; zero means with the next event
	rest  time.Time // no repair before
}

// keep loads the rules that the truth has where they differ in the kernel and
// the reconciler leaves them so: it sees nothing without a platform document that
// can be read, and touches nothing that an edited document, or a conflict, has
// made the operator's to decide. What is loaded was agreed to before, and is on
// the disk; no document is asked.
func (s *Service) keep(ctx context.Context, now time.Time) {
	k := &s.keeping
	if now.Before(k.rest) {
		k.again = k.rest
		return
	}
	if !k.again.IsZero() && !now.Before(k.again) {
		k.again = time.Time{}
	}
	if _, err := s.o.Platform(); err == nil && !s.o.Reported() {
		return
	}
	n, err := s.reload(ctx)
	var damaged *confirm.DamagedError
	switch {
	case errors.As(err, &damaged) || ctx.Err() != nil: // Watch says so; what is loaded stays
	case err != nil:
		s.o.Log.Error("the firewall's rules differ from the confirmed ones and cannot be loaded", "error", err)
		k.rest, k.again = now.Add(keepRest), now.Add(keepRetry)
	case n > 0:
		k.rest, k.again = now.Add(keepRest), now.Add(keepRest)
		s.o.Log.Warn("the firewall's rules were not the confirmed ones and are loaded again", "differences", n)
		s.o.Publish(engine.Event{Type: EventFirewall, State: "repaired", Message: "rules that are not as they were confirmed were loaded again"})
	}
}

// reload returns in how many places the kernel differed.
func (s *Service) reload(ctx context.Context) (n int, err error) {
	err = s.o.Truth.Hold(ctx, func(ctx context.Context, w confirm.Wanted) error {
		if w.LiveRules == nil {
			return nil // nothing of ours was applied
		}
		var d []netfw.Difference
		if d, err = s.o.Kernel.CompareRules(ctx, *w.LiveRules); err != nil || len(d) == 0 {
			return err
		}
		n = len(d)
		return s.o.Kernel.LoadRules(ctx, *w.LiveRules)
	})
	return n, err
}
