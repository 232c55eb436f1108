package phase

import (
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// Titles are the plan's names of the phases, by number.
var Titles = [...]string{
	"Immediate Host Lockdown",
	"Network Setup",
	"Teleport VM",
	"Full Lockdown",
	"Talos Cluster",
	"Cluster Bootstrap (pre-GitOps)",
	"GitOps Takes Over",
}

// Drivers is what the phases act through.
type Drivers struct {
	Network          Network
	Firewall         Firewall
	Access           Access
	Storage          Storage
	Machines         Machines
	Acknowledgements Acknowledgements
	Probes           *Probes // nil: nothing is remembered between two graphs
}

// Build returns the plan's phases 0 to 6 for a platform as one graph. revision
// names the document that p was parsed from.
func Build(p *platform.Platform, revision string, d Drivers) (*engine.Graph, error) {
	acks := d.Acknowledgements
	if d.Probes == nil {
		d.Probes = &Probes{}
	}
	// A portal that volumes depend on stays open until the last of them is gone.
	document := p
	p = p.Clone()
	p.Spec.Storage.Portal = d.Storage.Portal(document)
	phases := [len(Titles)][]engine.Step{
		immediateLockdown(p, d.Network, d.Firewall, d.Access, acks),
		append(networkSetup(p, d.Network, d.Firewall), volumes(document, d.Storage)...),
		teleportVM(p, d.Machines, acks),
		fullLockdown(p, d),
		talosCluster(p, d.Machines, acks),
		clusterBootstrap(p, acks),
		gitOps(acks),
	}
	var steps []engine.Step
	for number, list := range phases {
		for _, s := range list {
			s.Phase = number
			steps = append(steps, s)
		}
	}
	return engine.NewGraph(revision, steps)
}
