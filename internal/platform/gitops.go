package platform

import "fmt"

// GitOps is the repository that Flux reconciles (plan: Phase 5e and Phase 6).
type GitOps struct {
	// The platform's Git repository.
	Repository Repository `json:"repository"`
	// Branch that is reconciled.
	Branch Branch `json:"branch"`
	// Directory of this cluster in the repository.
	Path Path `json:"path"`
	// How often Flux looks.
	Interval Duration `json:"interval"`
	// What Flux is made of.
	Distribution Distribution `json:"distribution"`
	// Controllers that run. source-controller and kustomize-controller have to be among them.
	Components []FluxComponent `json:"components"`
	// Whether network policies close the controllers' namespace.
	NetworkPolicy Toggle `json:"networkPolicy"`
}

// Distribution is a distribution of Flux.
type Distribution struct {
	// Version that the operator keeps.
	Version VersionRange `json:"version"`
	// Registry of the controllers' images.
	Registry Registry `json:"registry"`
}

// FluxComponent is one of Flux's controllers.
type FluxComponent string

func (FluxComponent) rule() rule {
	return oneOf("source-controller", "kustomize-controller", "helm-controller", "notification-controller",
		"image-reflector-controller", "image-automation-controller", "source-watcher")
}

// Toggle is whether something is on, where a missing value means the plan's choice.
type Toggle string

// The two positions.
const (
	On  Toggle = "enabled"
	Off Toggle = "disabled"
)

func (Toggle) rule() rule { return oneOf(string(On), string(Off)) }

func (g *GitOps) fill() {
	or(&g.Repository, "ssh://git@github.com/waddle-social/platform.git")
	or(&g.Branch, "main")
	or(&g.Path, "clusters/scaleway")
	or(&g.Interval, Duration(minute))
	or(&g.Distribution.Version, "2.x")
	or(&g.Distribution.Registry, "ghcr.io/fluxcd")
	or(&g.NetworkPolicy, On)
	if g.Components == nil {
		g.Components = []FluxComponent{"source-controller", "kustomize-controller", "helm-controller", "notification-controller"}
	}
}

func (g *GitOps) check(f *faults) {
	const path = "spec.gitops.components"
	for _, needed := range []FluxComponent{"source-controller", "kustomize-controller", "helm-controller"} {
		found := false
		for _, c := range g.Components {
			found = found || c == needed
		}
		if !found {
			f.add(path, fmt.Sprintf("lacks %s, without which the repository is not reconciled", needed), "a list with "+string(needed))
		}
	}
	unique(f, "is listed twice: also {other}", "each controller once", f.each(path, len(g.Components)),
		func(i int) string { return string(g.Components[i]) })
}
