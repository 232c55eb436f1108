package firewall

import (
	"context"
	"errors"
	"net/netip"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Status is what is known of the firewall.
type Status struct {
	confirm.State
	Live, Boot netfw.Profile // None when nothing of ours is loaded
	Pins       map[int][]netip.Addr
	Damaged    error             // the truth cannot be read
	Chains     []netfw.SeenChain // when they were asked for
}

// Unknown stands for a profile that the damaged truth does not tell.
const Unknown netfw.Profile = "unknown"

// None stands for the profile of a host on which nothing of ours is loaded.
const None netfw.Profile = "none"

// Show says what is confirmed and what is pending. With rules it looks at the
// kernel as well.
func (s *Service) Show(ctx context.Context, rules bool) (Status, error) {
	out := Status{Live: None, Boot: None}
	state, err := s.o.Truth.State(ctx)
	out.State = state
	if err == nil {
		err = s.fill(ctx, &out)
	}
	var damaged *confirm.DamagedError
	if errors.As(err, &damaged) {
		out.Damaged, err = damaged, nil
		out.Live, out.Boot = Unknown, Unknown
		if out.Emergency != nil {
			out.Live = netfw.Emergency
		}
	}
	if err != nil || !rules {
		return out, refused(err)
	}
	seen, err := s.o.Kernel.Seen(ctx)
	out.Chains = seen.Chains
	return out, err
}

func (s *Service) fill(ctx context.Context, st *Status) error {
	w, err := s.o.Truth.Wanted(ctx)
	if err != nil {
		return err
	}
	st.Live, st.Boot = s.profile(w.Live, w.LiveRules), s.profile(w.Boot, w.BootRules)
	if w.LiveRules != nil {
		st.Pins = w.LiveRules.Pinned()
	}
	return nil
}

// profile names the rules. Before the first change of the profile they are phase
// 0's; where the state was lost they are what they look like.
func (s *Service) profile(p netfw.Profile, rules *netfw.RuleSet) netfw.Profile {
	switch {
	case p != "":
		return p
	case partsOf(rules)&netfw.PartInput == 0:
		return None
	}
	if doc, err := s.o.Platform(); err == nil {
		return phase.ProfileOf(doc, rules)
	}
	return netfw.Initial
}

// Diff compares what is pending, or an emergency, with what is confirmed, and
// what is loaded with what should be.
func (s *Service) Diff(ctx context.Context) (pending, drift []netfw.Difference, err error) {
	w, err := s.o.Truth.Wanted(ctx)
	if err != nil {
		return nil, nil, refused(err)
	}
	live := orNone(w.LiveRules)
	pending = netfw.Changes(orNone(w.BootRules), live)
	drift, err = s.o.Kernel.CompareRules(ctx, live)
	return pending, drift, err
}

func orNone(set *netfw.RuleSet) netfw.RuleSet {
	if set == nil {
		return netfw.RuleSet{}
	}
	return *set
}
