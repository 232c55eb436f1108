package phase

import (
	"context"
	"net/netip"

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
}

// rules completes a step that keeps some parts of the rule set loaded.
func rules(net Network, fw Firewall, want netfw.RuleConfig, s engine.Step) engine.Step {
	now := func(ctx context.Context) (netfw.RuleConfig, error) {
		w, err := fw.Wanted(ctx)
		return inForce(want, w), err
	}
	return subject[netfw.RulesBefore]{
		look: func(ctx context.Context) (netfw.Finding, error) {
			c, err := now(ctx)
			if err != nil {
				return netfw.Finding{}, err
			}
			return net.LookRules(ctx, c)
		},
		apply: func(ctx context.Context, agreed netfw.Consent) error {
			return fw.Hold(ctx, func(ctx context.Context, w confirm.Wanted) error {
				return net.ApplyRules(ctx, inForce(want, w), agreed)
			})
		},
		capture: func(ctx context.Context) (netfw.RulesBefore, error) {
			c, err := now(ctx)
			if err != nil {
				return netfw.RulesBefore{}, err
			}
			return net.CaptureRules(ctx, c)
		},
		show: net.ShowUndoRules,
		undo: func(ctx context.Context, before netfw.RulesBefore) error {
			return fw.Hold(ctx, func(ctx context.Context, _ confirm.Wanted) error { return net.UndoRules(ctx, before) })
		},
	}.step(s)
}

// inForce is the configuration with the profiles that are in force. Before the
// first change of the profile that is phase 0's.
func inForce(c netfw.RuleConfig, w confirm.Wanted) netfw.RuleConfig {
	c.Profile, c.Boot = netfw.Initial, netfw.Initial
	if w.Boot != "" {
		c.Boot = w.Boot
	}
	if w.Live != "" {
		c.Profile = w.Live
	}
	if e := w.Emergency; e != nil {
		c.Profile = netfw.Emergency
		c.Exceptions = []netfw.Exception{{Sources: e.Sources, TCP: e.Ports}}
	}
	return c
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
	return netfw.RuleConfig{
		Parts:           parts,
		Profile:         netfw.Initial,
		InternalBridge:  string(s.Network.Internal.Bridge),
		InternalCIDR:    s.Network.Internal.CIDR,
		InternalAddress: s.Network.Internal.Address,
		PublicBridge:    string(s.Network.Public.Bridge),
		Isolated:        s.Network.Internal.NAT == platform.NoNAT,
		SSHPort:         ssh,
		InternalTCP:     []uint16{ssh, platform.ProxmoxPort, api, iscsi, csi},
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
