package phase

import (
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// immediateLockdown is the plan's Phase 0: secure the host the moment it is accessible.
func immediateLockdown(p *platform.Platform, net Network, fw Firewall, ways Access, acks Acknowledgements) []engine.Step {
	return append([]engine.Step{
		byHand(acks, engine.Step{
			ID: "host.console", Title: "Reach the host over the out-of-band console",
			Plan: "Phase 0, step 1", Area: "access",
		}, "log in on the provider's out-of-band console once, so that there is a way in that no firewall closes"),
		inputRules(net, fw, ruleConfig(p, netfw.PartInput), engine.Step{
			ID: "firewall.input", Title: "Apply immediate firewall rules",
			Plan: "Phase 0, step 2", Area: "firewall", Watches: []string{netfw.EventRules, netfw.EventFiles},
		}),
	}, waysIn(p, ways, acks)...)
}
