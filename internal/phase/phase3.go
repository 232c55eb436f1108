package phase

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// beforeLockdown are the steps that have to be done before the host is locked
// down: a way in that no firewall closes, Teleport, which is the way in
// afterwards, and the pins, for what stays open stays so to an address.
var beforeLockdown = []string{"host.console", "firewall.input", "firewall.pins", "lockdown.way-in"}

// fullLockdown is the plan's Phase 3: nothing of the host is reachable from the
// public side. All are gates: an apply that closed the host by itself would
// start a rollback that nobody is there to confirm.
func fullLockdown(p *platform.Platform, d Drivers) []engine.Step {
	l := lockdown{p, d}
	return []engine.Step{
		l.wayIn(engine.Step{
			ID: "lockdown.way-in", Title: "Verify that Teleport is a way in",
			Plan: "Phase 3, step 1", Area: "teleport",
			Needs: []string{"teleport.configure", "teleport.haproxy", "teleport.proxmox-app", "dns.records"},
		}, fmt.Sprintf("open https://%s before anything is closed, and see that Teleport asks for a login and then shows the Proxmox UI", p.Spec.DNS.Proxmox)),
		l.rules(engine.Step{
			ID: "lockdown.rules", Title: "Remove all direct public access to the Proxmox host",
			Plan: "Phase 3, step 1", Area: "firewall", Needs: beforeLockdown,
		}),
		l.gate(engine.Step{
			ID: "lockdown.ssh", Title: "SSH to the Proxmox host only via Teleport",
			Plan: "Phase 3, step 2", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "open a session with tsh ssh, which is seen in the log, and see that ssh to the public address times out", l.inForce, l.ssh),
		l.gate(engine.Step{
			ID: "lockdown.proxmox-ui", Title: "Verify that the Proxmox UI is only accessible through Teleport App Access",
			Plan: "Phase 3, step 3", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, fmt.Sprintf("open https://%s and see that port 8006 of the public address does not answer", p.Spec.DNS.Proxmox), l.inForce, l.ui),
		l.gate(engine.Step{
			ID: "lockdown.console", Title: "Verify that the out-of-band console still works",
			Plan: "Phase 3, step 4", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "log in on the provider's out-of-band console", l.inForce, nil),
	}
}
