package phase

import (
	"context"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// lockdown is what phase 3 looks at.
type lockdown struct {
	p *platform.Platform
	d Drivers
}

const setLockdown = "waddle firewall set lockdown, then within the time it names waddle firewall confirm over a new connection, through Teleport; " +
	"without that the former rules come back by themselves"

// rules completes the gate that closes once the profile lockdown is confirmed and
// loaded. It has no Apply: only a person who gets in again can confirm.
func (l lockdown) rules(s engine.Step) engine.Step {
	s.Gate = &engine.Gate{Instruction: setLockdown}
	s.CheckEarly = true // a lockdown may have been forced
	s.Watches = []string{netfw.EventRules, netfw.EventFiles}
	s.Check = func(ctx context.Context) (engine.Result, error) {
		c, why, err := l.confirmed(ctx)
		if err != nil || why != "" {
			return engine.Unknowable(why), err
		}
		found, err := l.d.Network.LookRules(ctx, l.config())
		if err != nil {
			return engine.Result{}, refused(err)
		}
		e := engine.Evidence{
			What: fmt.Sprintf("profile %s, %s", c.Profile, c.ID), From: orUnknown(c.ConfirmedBy), At: c.At, Verdict: engine.Proves,
			Answer: fmt.Sprintf("confirmed over %s; set by %s", orUnknown(c.Over), orUnknown(c.By)),
		}
		if n := len(found.Differences); n > 0 {
			r := engine.Unknowable(fmt.Sprintf("the profile is confirmed, but the rules that are loaded differ from it in %d places; step firewall.input puts them back", n))
			e.Verdict = engine.Inconclusive
			r.Evidence = []engine.Evidence{e}
			return r, nil
		}
		r := engine.IsDone()
		r.Evidence = []engine.Evidence{e}
		return r, nil
	}
	return s
}

func (l lockdown) config() netfw.RuleConfig {
	c := ruleConfig(l.p, netfw.PartInput)
	c.Profile = netfw.Lockdown
	return c
}

// confirmed is the lockdown that is in force, or why none is.
func (l lockdown) confirmed(ctx context.Context) (*confirm.Confirmed, string, error) {
	w, err := l.d.Firewall.Wanted(ctx)
	if err != nil {
		return nil, "", refused(err)
	}
	s, err := l.d.Firewall.State(ctx)
	if err != nil {
		return nil, "", refused(err)
	}
	switch e, p, c := w.Emergency, w.Pending, s.Confirmed; {
	case e != nil:
		return nil, fmt.Sprintf("an emergency by %s is in force until %s: TCP %v is open to %v", orUnknown(e.By), clock(e.Until.Wall), e.Ports, e.Sources), nil
	case p != nil && p.Profile == netfw.Lockdown:
		return nil, fmt.Sprintf("%s to lockdown by %s waits until %s for: waddle firewall confirm", p.ID, orUnknown(p.By), clock(p.Deadline.Wall)), nil
	case p != nil:
		return nil, fmt.Sprintf("%s to the profile %s by %s is loaded and waits until %s for its confirmation", p.ID, p.Profile, orUnknown(p.By), clock(p.Deadline.Wall)), nil
	case c == nil:
		return nil, "no firewall profile was confirmed yet; in force is " + string(ProfileOf(l.p, w.BootRules)), nil
	case c.Profile != netfw.Lockdown:
		return nil, fmt.Sprintf("in force is the profile %s, confirmed at %s", c.Profile, clock(c.At)), nil
	default:
		return c, "", nil
	}
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func orUnknown(who string) string {
	if who == "" {
		return "unknown"
	}
	return who
}
