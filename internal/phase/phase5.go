package phase

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// clusterBootstrap is the plan's Phase 5: what the cluster cannot function without.
func clusterBootstrap(p *platform.Platform, acks Acknowledgements) []engine.Step {
	return []engine.Step{
		byHand(acks, engine.Step{
			ID: "cluster.cilium", Title: "Install Cilium",
			Plan: "Phase 5a", Area: "cluster", Needs: []string{"talos.nodes"},
		}, fmt.Sprintf("helm install cilium with the plan's values, then the announcement policy and pool for %s", p.Spec.Network.Addresses.GatewayVIP)),
		byHand(acks, engine.Step{
			ID: "cluster.democratic-csi", Title: "Install democratic-csi",
			Plan: "Phase 5b", Area: "cluster", Needs: []string{"cluster.cilium", "storage.dataset", "storage.target-service"},
		}, fmt.Sprintf("helm install democratic-csi for the dataset %s", p.Spec.Storage.Dataset)),
		byHand(acks, engine.Step{
			ID: "cluster.flux-operator", Title: "Install the Flux Operator",
			Plan: "Phase 5c", Area: "cluster", Needs: []string{"cluster.cilium"},
		}, "helm install flux-operator in the namespace flux-system"),
		byHand(acks, engine.Step{
			ID: "cluster.secrets", Title: "Apply the two bootstrap secrets",
			Plan: "Phase 5d", Area: "cluster", Needs: []string{"cluster.cilium"},
		}, "create onepassword-credentials and onepassword-token in the namespace 1password"),
		byHand(acks, engine.Step{
			ID: "cluster.flux-instance", Title: "Apply the FluxInstance",
			Plan: "Phase 5e", Area: "cluster", Needs: []string{"cluster.flux-operator", "cluster.secrets", "cluster.democratic-csi"},
		}, fmt.Sprintf("apply the FluxInstance that points to %s", p.Spec.GitOps.Repository)),
	}
}
