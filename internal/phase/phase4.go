package phase

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// talosCluster is the plan's Phase 4: three nodes that are control plane and workers.
func talosCluster(p *platform.Platform, acks Acknowledgements) []engine.Step {
	addresses, talos := p.Spec.Network.Addresses, p.Spec.Talos
	nodes := make([]string, 0, len(addresses.Nodes))
	for _, n := range addresses.Nodes {
		nodes = append(nodes, n.String())
	}
	list := strings.Join(nodes, ", ")
	extensions := make([]string, 0, len(talos.Extensions))
	for _, e := range talos.Extensions {
		extensions = append(extensions, string(e))
	}
	return []engine.Step{
		byHand(acks, engine.Step{
			ID: "talos.schematic", Title: "Generate the Image Factory schematic",
			Plan: "Phase 4, step 1", Area: "talos",
		}, fmt.Sprintf("ask the Image Factory for a schematic with %s", strings.Join(extensions, ", "))),
		byHand(acks, engine.Step{
			ID: "talos.image", Title: "Download the nocloud image and upload it to Proxmox",
			Plan: "Phase 4, step 2", Area: "talos", Needs: []string{"talos.schematic"},
		}, fmt.Sprintf("download the nocloud image of Talos %s as qcow2", talos.Version)),
		byHand(acks, engine.Step{
			ID: "talos.vms", Title: "Create 3 Talos VMs on vmbr1 with static IPs",
			Plan: "Phase 4, step 3", Area: "talos", Needs: []string{"talos.image", "network.bridge", "network.forwarding"},
		}, fmt.Sprintf("create the VMs with the addresses %s", list)),
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
