package phase

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// immediateLockdown is the plan's Phase 0: secure the host the moment it is accessible.
func immediateLockdown(p *platform.Platform, net Network, acks Acknowledgements) []engine.Step {
	return []engine.Step{
		byHand(acks, engine.Step{
			ID: "host.console", Title: "Reach the host over the out-of-band console",
			Plan: "Phase 0, step 1", Area: "access",
		}, "log in on the provider's out-of-band console once, so that there is a way in that no firewall closes"),
		rules(net, ruleConfig(p, netfw.PartInput), engine.Step{
			ID: "firewall.input", Title: "Apply immediate firewall rules",
			Plan: "Phase 0, step 2", Area: "firewall", Watches: []string{netfw.EventRules, netfw.EventFiles},
		}),
		byHand(acks, engine.Step{
			ID: "host.root-password", Title: "Change the default root password",
			Plan: "Phase 0, step 3", Area: "access",
		}, "passwd root"),
		byHand(acks, engine.Step{
			ID: "host.ssh-passwords", Title: "Disable SSH password authentication",
			Plan: "Phase 0, step 4", Area: "access", Needs: []string{"host.ssh-key"},
		}, "PasswordAuthentication no in /etc/ssh/sshd_config.d, sshd -t, reload; keep a session open meanwhile"),
		byHand(acks, engine.Step{
			ID: "host.ssh-key", Title: "Add your SSH public key",
			Plan: "Phase 0, step 5", Area: "access",
		}, fmt.Sprintf("add the %d keys of spec.host.ssh.authorizedKeys to /root/.ssh/authorized_keys and log in with one", len(p.Spec.Host.SSH.AuthorizedKeys))),
	}
}

// rules completes a step that loads a part of the rule set.
func rules(net Network, c netfw.RuleConfig, s engine.Step) engine.Step {
	return subject[netfw.RulesBefore]{
		look:    func(ctx context.Context) (netfw.Finding, error) { return net.LookRules(ctx, c) },
		apply:   func(ctx context.Context, agreed netfw.Consent) error { return net.ApplyRules(ctx, c, agreed) },
		capture: func(ctx context.Context) (netfw.RulesBefore, error) { return net.CaptureRules(ctx, c) },
		show:    net.ShowUndoRules,
		undo:    net.UndoRules,
	}.step(s)
}

// Rules is the whole rule set that the platform wants once phase 1 is done.
func Rules(p *platform.Platform) netfw.RuleConfig { return ruleConfig(p, netfw.AllParts) }

// ruleConfig is what the platform says about the host's rules.
func ruleConfig(p *platform.Platform, parts netfw.Part) netfw.RuleConfig {
	s := p.Spec
	return netfw.RuleConfig{
		Parts:          parts,
		Profile:        netfw.Initial,
		InternalBridge: string(s.Network.Internal.Bridge),
		InternalCIDR:   s.Network.Internal.CIDR,
		PublicBridge:   string(s.Network.Public.Bridge),
		SSHPort:        uint16(s.Host.SSH.Port),
		InternalTCP: []uint16{
			uint16(s.Host.SSH.Port), platform.ProxmoxPort, uint16(s.Waddled.Port),
			s.Storage.Portal.Port(), uint16(s.Storage.EndpointPort),
		},
	}
}
