package phase

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// teleportVM is the plan's Phase 2: the only machine with a public address of its own.
func teleportVM(p *platform.Platform, m Machines, acks Acknowledgements) []engine.Step {
	dns := p.Spec.DNS
	return []engine.Step{
		proxmoxGate(p, m),
		does(m.DebianImage(p), engine.Step{
			ID: "teleport.image", Title: "Download the Teleport VM's image",
			Plan: "Phase 2, step 1", Area: machines.ImageArea, Needs: []string{proxmoxAccess},
		}),
		does(m.TeleportVM(p), engine.Step{
			ID: "teleport.vm", Title: "Create the Teleport VM on both bridges",
			Plan: "Phase 2, step 1", Area: machines.Area, Needs: []string{"teleport.image", "network.bridge", "firewall.forward"},
			Watches: []string{netfw.EventLink},
		}),
		byHand(acks, engine.Step{
			ID: "teleport.install", Title: "Install Teleport Community Edition",
			Plan: "Phase 2, step 2", Area: "teleport", Needs: []string{"teleport.vm"},
		}, "install Teleport in the VM"),
		byHand(acks, engine.Step{
			ID: "teleport.configure", Title: "Configure Teleport: domain, ACME, GitHub SSO",
			Plan: "Phase 2, step 3", Area: "teleport", Needs: []string{"teleport.install"},
		}, fmt.Sprintf("write teleport.yaml for %s and the GitHub connector", dns.Teleport)),
		byHand(acks, engine.Step{
			ID: "teleport.haproxy", Title: "Install and configure HAProxy with SNI routing",
			Plan: "Phase 2, step 4", Area: "teleport", Needs: []string{"teleport.vm"},
		}, "install HAProxy in the VM with the plan's configuration"),
		byHand(acks, engine.Step{
			ID: "teleport.proxmox-app", Title: "Configure Teleport App Access for the Proxmox UI",
			Plan: "Phase 2, step 5", Area: "teleport", Needs: []string{"teleport.configure"},
		}, fmt.Sprintf("publish https://%s:8006 as %s", p.Spec.Network.Internal.Address, dns.Proxmox)),
		byHand(acks, engine.Step{
			ID: "dns.records", Title: "Create DNS records",
			Plan: "Phase 2, step 6", Area: "dns", Needs: []string{"teleport.vm"},
		}, fmt.Sprintf("create the A records of %s and %s, DNS only", dns.Teleport, dns.Proxmox)),
		byHand(acks, engine.Step{
			ID: "teleport.tofu-state", Title: "Store the OpenTofu state on the Teleport VM",
			Plan: "Phase 2, step 7", Area: "teleport", Needs: []string{"teleport.install"},
		}, "copy the OpenTofu state to the VM, where OpenTofu made it"),
	}
}
