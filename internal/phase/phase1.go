package phase

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// Bridge is the internal bridge that the platform wants.
func Bridge(p *platform.Platform) netfw.Bridge {
	internal := p.Spec.Network.Internal
	return netfw.Bridge{
		Name:      string(internal.Bridge),
		Addresses: []netip.Prefix{netip.PrefixFrom(internal.Address, internal.CIDR.Bits())},
		Uplink:    string(p.Spec.Network.Public.Bridge),
	}
}

// networkSetup is the plan's Phase 1. Forwarding is switched on last: before
// that the rules that close it are loaded. The pins come with the bridge, before
// there is a VM: what phase 3 opens to the Teleport VM it opens to an address.
func networkSetup(p *platform.Platform, net Network, fw Firewall) []engine.Step {
	bridge := Bridge(p)
	return []engine.Step{
		subject[netfw.BridgeBefore]{
			look:    func(ctx context.Context) (netfw.Finding, error) { return net.LookBridge(ctx, bridge) },
			apply:   func(ctx context.Context, agreed netfw.Consent) error { return net.ApplyBridge(ctx, bridge, agreed) },
			capture: func(ctx context.Context) (netfw.BridgeBefore, error) { return net.CaptureBridge(ctx, bridge) },
			show:    net.ShowUndoBridge,
			undo:    net.UndoBridge,
		}.step(engine.Step{
			ID: "network.bridge", Title: fmt.Sprintf("Create internal bridge %s and assign %s", bridge.Name, bridge.Addresses[0]),
			Plan: "Phase 1, steps 1 and 2", Area: "network", Needs: []string{"firewall.input"},
			Watches: []string{netfw.EventLink, netfw.EventAddress, netfw.EventFiles},
		}),
		rules(net, fw, ruleConfig(p, netfw.PartPins), engine.Step{
			ID: "firewall.pins", Title: fmt.Sprintf("Pin source addresses on %s to the VMs that own them", bridge.Name),
			Plan: "Security Posture, network segmentation", Area: "firewall", Needs: []string{"network.bridge"},
			Watches: []string{netfw.EventRules, netfw.EventFiles},
		}),
		rules(net, fw, ruleConfig(p, netfw.PartForward|netfw.PartNAT), engine.Step{
			ID: "firewall.forward", Title: "Close forwarding by default and enable masquerade NAT",
			Plan: "Phase 1, steps 3 and 6", Area: "firewall", Needs: []string{"firewall.input"},
			Watches: []string{netfw.EventRules, netfw.EventFiles},
		}),
		subject[netfw.ForwardingBefore]{
			look:    net.LookForwarding,
			apply:   net.ApplyForwarding,
			capture: net.CaptureForwarding,
			show:    net.ShowUndoForwarding,
			undo:    net.UndoForwarding,
		}.step(engine.Step{
			ID: "network.forwarding", Title: "Enable IP forwarding",
			Plan: "Phase 1, step 3", Area: "network", Needs: []string{"firewall.forward", "network.bridge"},
			Watches: []string{netfw.EventForwarding, netfw.EventFiles},
		}),
	}
}
