package firewall

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Change is what Set is asked for.
type Change struct {
	Profile netfw.Profile
	Within  time.Duration // 0 means the platform's spec.lockdown.confirmWithin
	Force   bool          // load lockdown although what it needs is not done
}

// Set loads a profile that rolls itself back unless Confirm comes in time. note
// says what the caller should know about confirming it.
func (s *Service) Set(ctx context.Context, who Caller, c Change) (p confirm.Pending, note string, err error) {
	doc, err := s.o.Platform()
	if err != nil {
		return p, "", err
	}
	forced, err := s.mayClose(ctx, c)
	if err != nil {
		return p, "", err
	}
	rules, err := s.rulesOf(ctx, doc, c.Profile)
	if err != nil {
		return p, "", err
	}
	if c.Within == 0 {
		c.Within = doc.Spec.Lockdown.ConfirmWithin.Std()
	}
	p, err = s.o.Truth.Set(ctx, confirm.Change{
		Profile: c.Profile, Rules: rules, Within: c.Within, By: who.Name, From: who.From, Forced: forced,
	})
	s.Look(context.WithoutCancel(ctx))
	return p, s.letsIn(doc, rules, who), refused(err)
}

// mayClose refuses a lockdown before Teleport was shown to be reachable, and
// says whether that was overruled.
func (s *Service) mayClose(ctx context.Context, c Change) (forced bool, err error) {
	if c.Profile != netfw.Lockdown {
		return false, nil
	}
	missing, err := s.o.Missing(ctx)
	if err != nil || len(missing) == 0 {
		return false, err
	}
	if c.Force {
		return true, nil
	}
	p := problem.New(problem.NeedsNotDone,
		"do these steps first: waddle plan shows them; or say force (--force, \"force\": true) when you have another way in",
		"cannot set the firewall profile lockdown: nothing shows yet that Teleport is reachable: not done: %s", strings.Join(missing, ", "))
	p.Others = missing
	return false, p
}

// rulesOf are a profile's rules on this platform, of the parts that the boot
// loads already: a profile applies no phase. The pins come with phase 1, as what
// is forwarded does; open has none of them, so they are not looked for.
func (s *Service) rulesOf(ctx context.Context, doc *platform.Platform, profile netfw.Profile) (netfw.RuleSet, error) {
	w, err := s.o.Truth.Wanted(ctx)
	if err != nil {
		return netfw.RuleSet{}, refused(err)
	}
	parts := partsOf(w.BootRules)
	if parts&netfw.PartInput == 0 {
		return netfw.RuleSet{}, problem.New(problem.NeedsNotDone, "run phase 0 first: waddle phase run 0",
			"cannot set the firewall profile %s: the rules of phase 0 were not applied yet", profile)
	}
	if parts&netfw.PartForward != 0 {
		parts |= netfw.PartPins
	}
	c := phase.Rules(doc)
	c.Profile, c.Parts = profile, parts
	set, err := netfw.Rules(c)
	if err != nil {
		return set, fmt.Errorf("cannot make the rules of the profile %s: %w", profile, err)
	}
	return set, nil
}

func partsOf(set *netfw.RuleSet) (parts netfw.Part) {
	if set == nil {
		return 0
	}
	for _, f := range []netfw.Family{netfw.IPv4, netfw.IPv6, netfw.BridgePins} {
		for _, c := range set.Of(f) {
			parts |= c.Part
		}
	}
	return parts
}

// letsIn warns a caller whom the new rules would not let in again.
func (s *Service) letsIn(doc *platform.Platform, rules netfw.RuleSet, who Caller) string {
	if !who.Comes.To.IsValid() {
		return ""
	}
	d, err := netfw.Decide(rules, who.Comes.packet(doc))
	if err != nil || d.Verdict != netfw.Drop {
		return ""
	}
	return fmt.Sprintf("these rules do not let a new connection from %s to %s in (%s): confirm from elsewhere, or let it roll back",
		who.Comes.From.Addr(), who.Comes.To, d.Text)
}
