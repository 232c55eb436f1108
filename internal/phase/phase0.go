package phase

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// immediateLockdown is the plan's Phase 0: secure the host the moment it is accessible.
func immediateLockdown(p *platform.Platform, net Network, fw Firewall, acks Acknowledgements) []engine.Step {
	return []engine.Step{
		byHand(acks, engine.Step{
			ID: "host.console", Title: "Reach the host over the out-of-band console",
			Plan: "Phase 0, step 1", Area: "access",
		}, "log in on the provider's out-of-band console once, so that there is a way in that no firewall closes"),
		rules(net, fw, ruleConfig(p, netfw.PartInput), engine.Step{
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
