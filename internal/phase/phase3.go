package phase

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// fullLockdown is the plan's Phase 3: nothing of the host is reachable from the public side.
func fullLockdown(p *platform.Platform, acks Acknowledgements) []engine.Step {
	return []engine.Step{
		byHand(acks, engine.Step{
			ID: "lockdown.rules", Title: "Remove all direct public access to the Proxmox host",
			Plan: "Phase 3, step 1", Area: "firewall",
			Needs: []string{"teleport.configure", "teleport.haproxy", "teleport.proxmox-app"},
		}, "load the plan's Phase 3 rules from the out-of-band console"),
		byHand(acks, engine.Step{
			ID: "lockdown.ssh", Title: "SSH to the Proxmox host only via Teleport",
			Plan: "Phase 3, step 2", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "open a session with tsh ssh and see that ssh to the public address times out"),
		byHand(acks, engine.Step{
			ID: "lockdown.proxmox-ui", Title: "Verify that the Proxmox UI is only accessible through Teleport App Access",
			Plan: "Phase 3, step 3", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, fmt.Sprintf("open https://%s and see that port 8006 of the public address does not answer", p.Spec.DNS.Proxmox)),
		byHand(acks, engine.Step{
			ID: "lockdown.console", Title: "Verify that the out-of-band console still works",
			Plan: "Phase 3, step 4", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "log in on the provider's out-of-band console"),
	}
}
