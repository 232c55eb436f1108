package platform

import "fmt"

// Components is the versions of what is installed in the cluster (plan: Component Version Matrix).
// What waddled installs itself has an exact version; what Flux installs may have a range.
type Components struct {
	// The container network, installed in phase 5a.
	Cilium Chart `json:"cilium"`
	// Definitions of the Gateway API, installed before Cilium.
	GatewayAPI Definitions `json:"gatewayAPI"`
	// Volumes, installed in phase 5b.
	DemocraticCSI Chart `json:"democraticCSI"`
	// Flux Operator, installed in phase 5c.
	FluxOperator Chart `json:"fluxOperator"`
	// cert-manager, installed by Flux.
	CertManager FluxChart `json:"certManager"`
	// External DNS, installed by Flux.
	ExternalDNS FluxChart `json:"externalDNS"`
	// External Secrets Operator, installed by Flux.
	ExternalSecrets FluxChart `json:"externalSecrets"`
	// 1Password Connect, installed by Flux.
	OnePasswordConnect FluxChart `json:"onePasswordConnect"`
	// CloudNativePG, installed by Flux.
	CloudNativePG FluxChart `json:"cloudNativePG"`
	// SpiceDB Operator, installed by Flux.
	SpiceDBOperator FluxChart `json:"spicedbOperator"`
}

// Chart is a Helm chart that waddled installs.
type Chart struct {
	// Repository (https) or chart (oci) that it comes from.
	Source ChartSource `json:"source"`
	// Exact version of the chart.
	Version ChartVersion `json:"version"`
}

// Definitions is a release of custom resource definitions.
type Definitions struct {
	// Exact version of the release.
	Version TagVersion `json:"version"`
}

// FluxChart is a Helm chart that Flux installs.
type FluxChart struct {
	// Version or range of the chart; '*' is the latest stable one.
	Version VersionRange `json:"version"`
}

func (c *Components) fill() {
	c.Cilium.fill("https://helm.cilium.io", "1.19.6")
	or(&c.GatewayAPI.Version, "v1.4.1")
	c.DemocraticCSI.fill("https://democratic-csi.github.io/charts", "0.15.1")
	c.FluxOperator.fill("oci://ghcr.io/controlplaneio-fluxcd/charts/flux-operator", "0.49.0")
	for _, x := range []*FluxChart{&c.CertManager, &c.ExternalDNS, &c.ExternalSecrets, &c.OnePasswordConnect, &c.CloudNativePG, &c.SpiceDBOperator} {
		or(&x.Version, "*")
	}
}

func (c *Chart) fill(source ChartSource, version ChartVersion) {
	or(&c.Source, source)
	or(&c.Version, version)
}

// check holds Cilium's documentation: each minor release is built against one minor of the Gateway API.
func (c *Components) check(f *faults) {
	const cilium, gateway = "spec.components.cilium.version", "spec.components.gatewayAPI.version"
	built := map[int]int{18: 3, 19: 4, 20: 6}
	if want, known := built[minorOf(string(c.Cilium.Version))]; known && c.GatewayAPI.Version.Minor() != want {
		f.clash(gateway, cilium, fmt.Sprintf("Cilium %s is built against Gateway API v1.%d, not %s: also {other}", c.Cilium.Version, want, c.GatewayAPI.Version),
			fmt.Sprintf("a version v1.%d.x of the Gateway API for this Cilium", want))
	}
}
