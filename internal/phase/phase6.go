package phase

import (
	"github.com/waddle-social/waddle/internal/engine"
)

// gitOps is the plan's Phase 6: from here on Flux reconciles, and a person looks.
func gitOps(acks Acknowledgements) []engine.Step {
	steps := []struct{ id, title, plan, needs string }{
		{"gitops.secrets", "External Secrets Operator and 1Password Connect are reconciled", "Phase 6, step 1", "cluster.flux-instance"},
		{"gitops.cert-manager", "cert-manager is reconciled", "Phase 6, step 2", "gitops.secrets"},
		{"gitops.external-dns", "External DNS is reconciled", "Phase 6, step 3", "gitops.secrets"},
		{"gitops.cloudnative-pg", "The CloudNativePG operator is reconciled", "Phase 6, step 4", "gitops.secrets"},
		{"gitops.spicedb-operator", "The SpiceDB operator is reconciled", "Phase 6, step 5", "gitops.secrets"},
		{"gitops.gateway", "The Cilium Gateway API routes are reconciled", "Phase 6, step 6", "gitops.cert-manager"},
		{"gitops.spicedb", "The SpiceDB instance, its PG cluster and backup are reconciled", "Phase 6, step 7", "gitops.spicedb-operator"},
	}
	out := make([]engine.Step, 0, len(steps))
	for _, s := range steps {
		out = append(out, byHand(acks, engine.Step{
			ID: s.id, Title: s.title, Plan: s.plan, Area: "gitops", Needs: []string{s.needs},
		}, "see that the Kustomization is ready: flux get kustomizations"))
	}
	return out
}
