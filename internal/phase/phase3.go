package phase

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// BeforeLockdown are the steps that have to be done before the host is locked
// down: a way in that no firewall closes, Teleport, which is the way in
// afterwards, and the pins, for what stays open stays so to an address.
func BeforeLockdown() []string {
	return []string{
		"host.console", "firewall.input", "firewall.pins",
		"teleport.configure", "teleport.haproxy", "teleport.proxmox-app", "dns.records",
	}
}

// fullLockdown is the plan's Phase 3: nothing of the host is reachable from the
// public side. All four are gates: an apply that closed the host by itself would
// start a rollback that nobody is there to confirm.
func fullLockdown(p *platform.Platform, d Drivers) []engine.Step {
	l := lockdown{p, d}
	return []engine.Step{
		l.rules(engine.Step{
			ID: "lockdown.rules", Title: "Remove all direct public access to the Proxmox host",
			Plan: "Phase 3, step 1", Area: "firewall", Needs: BeforeLockdown(),
		}),
		l.gate(engine.Step{
			ID: "lockdown.ssh", Title: "SSH to the Proxmox host only via Teleport",
			Plan: "Phase 3, step 2", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "open a session with tsh ssh, which is seen in the log, and see that ssh to the public address times out", l.ssh),
		l.gate(engine.Step{
			ID: "lockdown.proxmox-ui", Title: "Verify that the Proxmox UI is only accessible through Teleport App Access",
			Plan: "Phase 3, step 3", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, fmt.Sprintf("open https://%s and see that port 8006 of the public address does not answer", p.Spec.DNS.Proxmox), l.ui),
		l.gate(engine.Step{
			ID: "lockdown.console", Title: "Verify that the out-of-band console still works",
			Plan: "Phase 3, step 4", Area: "firewall", Needs: []string{"lockdown.rules"},
		}, "log in on the provider's out-of-band console", nothingToSee),
	}
}

// nothingToSee is the console's: only a person sees that.
func nothingToSee(context.Context, since) ([]engine.Evidence, error) { return nil, nil }
