package phase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// since is the lockdown under which a gate is looked at. What was seen or said
// before it was set says nothing about it.
type since struct {
	lockdown string
	at       time.Time
}

// wayIn completes the gate before the lockdown. Once that is in force it has
// served: Teleport that is down must not hide how the firewall is.
func (l lockdown) wayIn(s engine.Step, instruction string) engine.Step {
	always := func(context.Context) (since, string, error) { return since{}, "", nil }
	s = l.gate(s, instruction, always, l.throughTeleport)
	look := s.Check
	s.Check = func(ctx context.Context) (engine.Result, error) {
		st, err := l.d.Firewall.State(ctx)
		if err != nil {
			return engine.Result{}, refused(err)
		}
		if c := st.Confirmed; c != nil && c.Profile == netfw.Lockdown {
			return engine.IsDone("the lockdown was set at " + clock(begun(c)) + "; lockdown.proxmox-ui looks at the same since then"), nil
		}
		return look(ctx)
	}
	return s
}

// inForce is the lockdown that is, or why none is.
func (l lockdown) inForce(ctx context.Context) (since, string, error) {
	c, why, err := l.confirmed(ctx)
	if err != nil || why != "" {
		return since{}, why, err
	}
	return since{c.ID, begun(c)}, "", nil
}

// begun is when the rules were loaded; the state of an older program has only
// when they were confirmed.
func begun(c *confirm.Confirmed) time.Time {
	if c.SetAt.IsZero() {
		return c.At
	}
	return c.SetAt
}

// gate completes a gate that closes by what is seen, or by an acknowledgement
// where not all can be seen. What is seen against it keeps it open whatever
// anybody says. Without look there is nothing but the acknowledgement.
func (l lockdown) gate(s engine.Step, instruction string, under func(context.Context) (since, string, error), look func(context.Context, since) ([]engine.Evidence, error)) engine.Step {
	s.Gate = &engine.Gate{Instruction: instruction, Acknowledge: true}
	s.Check = func(ctx context.Context) (engine.Result, error) {
		from, why, err := under(ctx)
		if err != nil || why != "" { // the need was done a moment ago
			return engine.Unknowable(why), err
		}
		evidence, known := l.d.Probes.remembered(s.ID, from.lockdown)
		if look != nil && !engine.Unattended(ctx) {
			if evidence, err = look(ctx, from); err != nil {
				return engine.Result{}, err
			}
			l.d.Probes.remember(s.ID, from.lockdown, evidence)
			known = true
		}
		said, counts := l.said(s.ID, from)
		if look != nil && !known && !counts {
			return engine.IsDone("seen by an earlier apply; nobody has asked since waddled was started"), nil
		}
		return judged(instruction, slices.Concat(evidence, said), counts), nil
	}
	return s
}

// said is the acknowledgement as evidence, and whether it counts.
func (l lockdown) said(step string, from since) ([]engine.Evidence, bool) {
	a, ok := l.d.Acknowledgements.Acknowledgement(step)
	if !ok {
		return nil, false
	}
	e := engine.Evidence{What: "acknowledgement", From: a.By.Name, At: a.At, Answer: a.Note, Verdict: engine.Proves}
	if a.At.Before(from.at) {
		e.Verdict = engine.Inconclusive
		e.Answer = fmt.Sprintf("given before the lockdown in force was set at %s: look again, then acknowledge again", clock(from.at))
	}
	return []engine.Evidence{e}, e.Verdict == engine.Proves
}

func judged(instruction string, evidence []engine.Evidence, acknowledged bool) engine.Result {
	against := slices.IndexFunc(evidence, func(e engine.Evidence) bool { return e.Verdict == engine.Contradicts })
	open := slices.ContainsFunc(evidence, func(e engine.Evidence) bool { return e.Verdict != engine.Proves })
	r := engine.IsDone()
	switch {
	case against >= 0:
		e := evidence[against]
		r = engine.Unknowable(fmt.Sprintf("%s from %s: %s", e.What, e.From, e.Answer))
	case !acknowledged && (open || len(evidence) == 0):
		r = engine.Unknowable(instruction)
	}
	r.Evidence = evidence
	return r
}

// ssh looks for a login from the Teleport VM, and at SSH on the public side.
func (l lockdown) ssh(ctx context.Context, from since) ([]engine.Evidence, error) {
	teleport := l.p.Spec.Network.Addresses.Teleport
	e := engine.Evidence{What: "login of root over SSH", From: "the Teleport VM, " + teleport.String(), At: time.Now().UTC(), Verdict: engine.Inconclusive,
		Answer: "none in the host's log since the lockdown was set at " + clock(from.at)}
	login, seen, err := l.d.Access.LoginFrom(ctx, teleport, from.at)
	if err != nil {
		return nil, err
	}
	if seen {
		e.At, e.Verdict, e.Answer = login.At.UTC(), engine.Proves, "logged in with "+login.Key
	}
	public, err := l.public(ctx, uint16(l.p.Spec.Host.SSH.Port))
	return append([]engine.Evidence{e}, public...), err
}

// throughTeleport looks at the Proxmox UI as everybody has to once the host is
// locked down.
func (l lockdown) throughTeleport(ctx context.Context, _ since) ([]engine.Evidence, error) {
	dns := l.p.Spec.DNS
	return []engine.Evidence{l.d.Probes.app(ctx, string(dns.Proxmox), string(dns.Teleport), l.p.Spec.Network.FlexibleIP.Address)}, nil
}

// ui looks at the Proxmox UI through Teleport, and on the public side.
func (l lockdown) ui(ctx context.Context, from since) ([]engine.Evidence, error) {
	e, err := l.throughTeleport(ctx, from)
	if err != nil {
		return nil, err
	}
	public, err := l.public(ctx, platform.ProxmoxPort)
	return append(e, public...), err
}

// public is what an attempt from outside gets from a port of each of the host's
// public addresses, and what the rules say about it. The attempts go on at once:
// a check has to end in time.
func (l lockdown) public(ctx context.Context, port uint16) (all []engine.Evidence, err error) {
	n := l.p.Spec.Network.Public
	addresses := []netip.Addr{n.IPv4.Address.Addr()}
	if n.IPv6 != nil {
		addresses = append(addresses, n.IPv6.Address.Addr())
	}
	all = make([]engine.Evidence, 2*len(addresses))
	errs := make([]error, len(addresses))
	var tries sync.WaitGroup
	for i, a := range addresses {
		to := netip.AddrPortFrom(a, port)
		tries.Go(func() { all[2*i] = l.d.Probes.closed(ctx, to) })
		all[2*i+1], errs[i] = l.decided(ctx, to)
	}
	tries.Wait()
	return all, errors.Join(errs...)
}

// somebody is a source that no platform names (RFC 5737, RFC 3849).
var somebody = map[netfw.Family]netip.Addr{
	netfw.IPv4: netip.MustParseAddr("192.0.2.1"),
	netfw.IPv6: netip.MustParseAddr("2001:db8::1"),
}

// decided is which of the rules in force decides about a connection from
// anywhere in the internet.
func (l lockdown) decided(ctx context.Context, to netip.AddrPort) (engine.Evidence, error) {
	w, err := l.d.Firewall.Wanted(ctx)
	if err != nil {
		return engine.Evidence{}, err
	}
	if w.LiveRules == nil {
		return engine.Evidence{}, fmt.Errorf("cannot say what becomes of TCP %s: no rules are in force", to)
	}
	family := netfw.IPv4
	if to.Addr().Is6() {
		family = netfw.IPv6
	}
	d, err := netfw.Decide(*w.LiveRules, netfw.Packet{
		Family: family, In: string(l.p.Spec.Network.Public.Bridge), Src: somebody[family], Dst: to.Addr(),
		Proto: "tcp", SPort: 50000, DPort: to.Port(), State: "NEW",
	})
	if err != nil {
		return engine.Evidence{}, err
	}
	e := engine.Evidence{
		What: "rules for TCP " + to.String() + " from the internet", From: "the rule set in force", At: time.Now().UTC(), Verdict: engine.Contradicts,
		Answer: fmt.Sprintf("%s: rule %d of %s, %s", d.Verdict, d.Rule+1, d.Chain, d.Text),
	}
	if d.Rule < 0 {
		e.Answer = string(d.Verdict) + ": no rule of waddle's decides"
	}
	if d.Verdict == netfw.Drop {
		e.Verdict = engine.Proves
	}
	return e, nil
}
