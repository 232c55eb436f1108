package phase

import (
	"context"
	"net/netip"
	"slices"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Firewall knows which profile is to be in force: *confirm.Firewall. The steps
// ask it each time, so that a repair never fights a change that waits for its
// confirmation, its rollback or an emergency.
type Firewall interface {
	Wanted(context.Context) (confirm.Wanted, error)
	State(context.Context) (confirm.State, error)
	Hold(context.Context, func(context.Context, confirm.Wanted) error) error
	// Release forgets the confirmed profile and then calls the function.
	Release(context.Context, func(context.Context) error) error
}

// rules completes a step that keeps some parts of the rule set loaded.
func rules(net Network, fw Firewall, want netfw.RuleConfig, s engine.Step) engine.Step {
	return rulesOf(net, fw, want).step(s)
}

func rulesOf(net Network, fw Firewall, want netfw.RuleConfig) subject[netfw.RulesBefore] {
	now := func(ctx context.Context) (netfw.RuleConfig, error) {
		w, err := fw.Wanted(ctx)
		if err != nil {
			return netfw.RuleConfig{}, err
		}
		return remembered(ctx, net, want, w)
	}
	look := func(ctx context.Context, w confirm.Wanted) (netfw.Finding, error) {
		c, err := remembered(ctx, net, want, w)
		if err != nil {
			return netfw.Finding{}, err
		}
		return net.LookRules(ctx, c)
	}
	return subject[netfw.RulesBefore]{
		look: func(ctx context.Context) (netfw.Finding, error) {
			w, err := fw.Wanted(ctx)
			if err != nil {
				return netfw.Finding{}, err
			}
			f, err := look(ctx, w)
			if err != nil || len(f.Differences) == 0 || !inMotion(ctx, fw, w) {
				return f, err
			}
			err = fw.Hold(ctx, func(ctx context.Context, w confirm.Wanted) (err error) {
				f, err = look(ctx, w)
				return err
			})
			return f, err
		},
		apply: func(ctx context.Context, agreed netfw.Consent) error {
			return fw.Hold(ctx, func(ctx context.Context, w confirm.Wanted) error {
				c, err := remembered(ctx, net, want, w)
				if err == nil {
					err = keepsPending(c, w)
				}
				if err != nil {
					return err
				}
				return net.ApplyRules(ctx, c, agreed)
			})
		},
		capture: func(ctx context.Context) (netfw.RulesBefore, error) {
			c, err := now(ctx)
			if err != nil {
				return netfw.RulesBefore{}, err
			}
			return net.CaptureRules(ctx, c)
		},
		show: func(ctx context.Context, before netfw.RulesBefore) ([]netfw.Difference, error) {
			w, err := fw.Wanted(ctx)
			if err == nil {
				err = settledProfile(w) // so that a refused undo leaves the step applied
			}
			if err != nil {
				return nil, err
			}
			return net.ShowUndoRules(ctx, before)
		},
		undo: func(ctx context.Context, before netfw.RulesBefore) error {
			return fw.Hold(ctx, func(ctx context.Context, w confirm.Wanted) error {
				if err := settledProfile(w); err != nil {
					return err
				}
				return net.UndoRules(ctx, before)
			})
		},
	}
}

// inMotion reports whether the profile may have changed while the rules were
// looked at: what differs then is no drift, and is looked at again under the lock.
func inMotion(ctx context.Context, fw Firewall, w confirm.Wanted) bool {
	s, err := fw.State(ctx)
	if err != nil {
		return false
	}
	if s.Pending != nil || s.Emergency != nil || w.Pending != nil || w.Emergency != nil ||
		s.Confirmed != nil && s.Confirmed.Unsettled {
		return true
	}
	now, err := fw.Wanted(ctx)
	return err == nil && (now.Live != w.Live || now.Boot != w.Boot)
}

// keepsPending refuses rules other than those of a change that waits: its
// confirmation proves something about these alone, and would overwrite what came
// in between. Those that somebody has taken away may be put back.
func keepsPending(c netfw.RuleConfig, w confirm.Wanted) error {
	if w.Pending == nil {
		return nil
	}
	set, err := netfw.Rules(c)
	if err != nil {
		return err
	}
	if len(netfw.Changes(partsOf(*w.LiveRules, c.Parts), set)) > 0 {
		return settledProfile(w)
	}
	return nil
}

// partsOf are the chains of some parts.
func partsOf(set netfw.RuleSet, parts netfw.Part) netfw.RuleSet {
	of := func(chains []netfw.Chain) []netfw.Chain {
		return slices.DeleteFunc(slices.Clone(chains), func(c netfw.Chain) bool { return c.Part&parts == 0 })
	}
	return netfw.RuleSet{V4: of(set.V4), V6: of(set.V6), Pins: of(set.Pins)}
}

// settledProfile refuses while a change waits or an emergency is in force: what
// an undo takes away would come back with the confirmation, or with the end.
func settledProfile(w confirm.Wanted) error {
	switch p, e := w.Pending, w.Emergency; {
	case p != nil:
		return &confirm.ConflictError{ID: p.ID, What: "the change to " + string(p.Profile), By: p.By, Until: p.Deadline.Wall}
	case e != nil:
		return &confirm.ConflictError{ID: e.ID, What: "the emergency", By: e.By, Until: e.Until.Wall, Emergency: true}
	}
	return nil
}

// inputRules are rules whose undo forgets the profile.
func inputRules(net Network, fw Firewall, want netfw.RuleConfig, s engine.Step) engine.Step {
	x := rulesOf(net, fw, want)
	show := x.show
	x.show = func(ctx context.Context, before netfw.RulesBefore) ([]netfw.Difference, error) {
		w, err := fw.Wanted(ctx)
		if err != nil {
			return nil, err
		}
		d, err := show(ctx, before)
		if w.Boot != "" {
			d = append(d, netfw.Difference{Kind: netfw.Remove, Object: "firewall profile", Is: string(w.Boot), Note: "it is forgotten; a later apply begins with " + string(netfw.Initial)})
		}
		return d, err
	}
	x.undo = func(ctx context.Context, before netfw.RulesBefore) error {
		return fw.Release(ctx, func(ctx context.Context) error { return net.UndoRules(ctx, before) })
	}
	return x.step(s)
}

// Rules is the whole rule set that the platform wants, in phase 0's profile.
func Rules(p *platform.Platform) netfw.RuleConfig { return ruleConfig(p, netfw.AllParts) }

// EmergencyRules is lockdown with an exception, for the whole of the host.
func EmergencyRules(p *platform.Platform, x netfw.Exception) (netfw.RuleSet, error) {
	c := Rules(p)
	c.Profile, c.Exceptions = netfw.Emergency, []netfw.Exception{x}
	return netfw.Rules(c)
}

// ruleConfig is what the platform says about the host's rules.
func ruleConfig(p *platform.Platform, parts netfw.Part) netfw.RuleConfig {
	s := p.Spec
	ssh, api, iscsi, csi := uint16(s.Host.SSH.Port), uint16(s.Waddled.Port), s.Storage.Portal.Port(), uint16(s.Storage.EndpointPort)
	inside := []uint16{ssh, platform.ProxmoxPort, api}
	if s.Lockdown.Internal == platform.Open {
		inside = append(inside, iscsi, csi)
	}
	return netfw.RuleConfig{
		Parts:           parts,
		Profile:         netfw.Initial,
		InternalBridge:  string(s.Network.Internal.Bridge),
		InternalCIDR:    s.Network.Internal.CIDR,
		InternalAddress: s.Network.Internal.Address,
		PublicBridge:    string(s.Network.Public.Bridge),
		Isolated:        s.Network.Internal.NAT == platform.NoNAT,
		SSHPort:         ssh,
		SSHFrom:         s.Lockdown.SSHFrom,
		InternalTCP:     inside,
		InternalOpen:    s.Lockdown.Internal == platform.Open,
		Zones: netfw.Zones{
			Teleport: netfw.Zone{Addresses: []netip.Addr{s.Network.Addresses.Teleport}, TCP: []uint16{ssh, platform.ProxmoxPort, api}},
			Nodes:    netfw.Zone{Addresses: s.Network.Addresses.Nodes, TCP: []uint16{iscsi, csi}},
		},
		Pins: pins(s),
	}
}

// pins binds each address of the platform's VMs to the VM that has it. The
// virtual addresses float among the nodes.
func pins(s platform.Spec) map[int][]netip.Addr {
	a := s.Network.Addresses
	teleport := s.TeleportVM()
	out := map[int][]netip.Addr{int(teleport.VM.ID): {a.Teleport}}
	for _, n := range s.Nodes() {
		out[int(n.VM.ID)] = []netip.Addr{n.Address, a.KubernetesVIP, a.GatewayVIP}
	}
	return out
}
