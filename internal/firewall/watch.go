package firewall

import (
	"context"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// mark is what of a state is news when it changes.
type mark struct{ confirmed, pending, last, emergency string }

func markOf(s confirm.State) (m mark) {
	if s.Confirmed != nil {
		m.confirmed = s.Confirmed.ID
	}
	if s.Pending != nil {
		m.pending = s.Pending.ID
	}
	if s.Last != nil {
		m.last = s.Last.ID
	}
	if s.Emergency != nil {
		m.emergency = s.Emergency.ID
	}
	return m
}

// settles is how long after the kernel's rules the state may be written.
const settles = 250 * time.Millisecond

// Watch expires what is due, at the deadline and at least every so often, keeps
// the rules where the reconciler does not, and publishes what others have
// changed: the guard, an operator at the console. The guard outside stays the one
// that counts. rules is sent to after the kernel's rules have changed. It returns
// when ctx has ended.
func (s *Service) Watch(ctx context.Context, every time.Duration, rules <-chan struct{}) {
	for {
		s.keep(ctx, time.Now())
		timer := time.NewTimer(min(every, s.next(every)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-rules:
			timer.Stop()
			if !pause(ctx, settles) {
				return
			}
			s.keeping.again = time.Now().Add(reconciles)
		}
		if err := s.o.Truth.Expire(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Error("the firewall is left as it is loaded", "error", err)
		}
		s.Look(ctx)
	}
}

// next is how long it is until the next deadline. One that has passed and could
// not be expired is tried again, but not without a pause.
func (s *Service) next(otherwise time.Duration) time.Duration {
	wait := otherwise
	if again := s.keeping.again; !again.IsZero() {
		wait = min(wait, time.Until(again))
	}
	state, err := s.o.Truth.State(context.Background())
	if err != nil {
		return max(wait, settles)
	}
	if p := state.Pending; p != nil {
		wait = min(wait, s.Left(p.Deadline))
	}
	if e := state.Emergency; e != nil {
		wait = min(wait, s.Left(e.Until))
	}
	return max(wait, settles)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Look publishes what is new since the last look.
func (s *Service) Look(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, err := s.o.Truth.State(ctx)
	if err != nil {
		return // Show says so
	}
	now := markOf(state)
	if now == s.seen {
		return
	}
	for _, e := range news(s.seen, state) {
		e.Type = EventFirewall
		s.o.Publish(e)
	}
	s.seen = now
	s.o.Changed()
}

func news(was mark, s confirm.State) (out []engine.Event) {
	if l := s.Last; l != nil && l.ID != was.last {
		out = append(out, engine.Event{State: string(l.Result), Message: fmt.Sprintf("the firewall change %s to %s was %s: %s", l.ID, l.Profile, l.Result, l.Reason)})
	}
	if p := s.Pending; p != nil && p.ID != was.pending {
		out = append(out, engine.Event{State: "pending", Message: fmt.Sprintf("the firewall profile %s was loaded%s by %s from %s as %s and rolls back at %s unless it is confirmed",
			p.Profile, forced(p.Forced), p.By, p.From, p.ID, stamp(p.Deadline))})
	}
	switch e := s.Emergency; {
	case e != nil && e.ID != was.emergency:
		out = append(out, engine.Event{State: "emergency", Message: fmt.Sprintf("%s was begun by %s: TCP %v open to %v until %s", e.ID, e.By, e.Ports, e.Sources, stamp(e.Until))})
	case e == nil && was.emergency != "":
		out = append(out, engine.Event{State: "emergency over", Message: was.emergency + " is over"})
	}
	if s.Confirmed == nil && was.confirmed != "" {
		out = append(out, engine.Event{State: "forgotten", Message: "the confirmed firewall profile was forgotten by an undo"})
	}
	return out
}

func forced(yes bool) string {
	if yes {
		return ", forced,"
	}
	return ""
}

func stamp(d confirm.Deadline) string { return d.Wall.UTC().Format(time.RFC3339) }
