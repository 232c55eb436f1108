package phase

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// talosCluster is the plan's Phase 4: three nodes that are control plane and workers.
func talosCluster(p *platform.Platform, m Machines, acks Acknowledgements) []engine.Step {
	addresses, talos := p.Spec.Network.Addresses, p.Spec.Talos
	nodes := make([]string, 0, len(addresses.Nodes))
	for _, n := range addresses.Nodes {
		nodes = append(nodes, n.String())
	}
	list := strings.Join(nodes, ", ")
	return []engine.Step{
		does(m.Schematic(p), engine.Step{
			ID: "talos.schematic", Title: "Generate the Image Factory schematic",
			Plan: "Phase 4, step 1", Area: machines.ImageArea, Needs: []string{proxmoxAccess},
		}),
		does(m.TalosImage(p), engine.Step{
			ID: "talos.image", Title: "Download the nocloud image and upload it to Proxmox",
			Plan: "Phase 4, step 2", Area: machines.ImageArea, Needs: []string{"talos.schematic"},
		}),
		does(m.TalosVMs(p), engine.Step{
			ID: "talos.vms", Title: fmt.Sprintf("Create %d Talos VMs on %s with static IPs", len(addresses.Nodes), p.Spec.Network.Internal.Bridge),
			Plan: "Phase 4, step 3", Area: machines.Area, Needs: []string{"talos.image", "network.bridge", "network.forwarding"},
			Watches: []string{netfw.EventLink},
		}),
		byHand(acks, engine.Step{
			ID: "talos.configs", Title: "Generate and customize the Talos machine configs",
			Plan: "Phase 4, steps 4 and 5", Area: "talos",
		}, fmt.Sprintf("talosctl gen config %s https://%s:6443, then the plan's patches", talos.ClusterName, addresses.KubernetesVIP)),
		byHand(acks, engine.Step{
			ID: "talos.apply", Title: "Apply the machine configs",
			Plan: "Phase 4, step 6", Area: "talos", Needs: []string{"talos.vms", "talos.configs"},
		}, fmt.Sprintf("talosctl apply-config --insecure for %s", list)),
		byHand(acks, engine.Step{
			ID: "talos.bootstrap", Title: "Bootstrap the first node",
			Plan: "Phase 4, step 7", Area: "talos", Needs: []string{"talos.apply"},
		}, "talosctl bootstrap on the first node, once and on no other"),
		byHand(acks, engine.Step{
			ID: "talos.kubeconfig", Title: "Retrieve the kubeconfig",
			Plan: "Phase 4, step 8", Area: "talos", Needs: []string{"talos.bootstrap"},
		}, "talosctl kubeconfig"),
		byHand(acks, engine.Step{
			ID: "talos.nodes", Title: "Verify the nodes (NotReady until Cilium is installed)",
			Plan: "Phase 4, step 9", Area: "talos", Needs: []string{"talos.kubeconfig"},
		}, "kubectl get nodes lists all nodes"),
	}
}
