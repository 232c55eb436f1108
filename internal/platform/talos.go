package platform

import (
	"fmt"
	"net/netip"
	"strings"
)

// Talos is the nodes' operating system and the cluster on it (plan: Talos Configuration).
type Talos struct {
	// Version of Talos Linux.
	Version TagVersion `json:"version"`
	// Version of Kubernetes, which this version of Talos must support.
	Kubernetes Version `json:"kubernetes"`
	// Image Factory that images and installers come from.
	ImageFactory HTTPS `json:"imageFactory"`
	// System extensions of the image. siderolabs/iscsi-tools and siderolabs/qemu-guest-agent have to be among them.
	Extensions []Extension `json:"extensions"`
	// Name of the cluster, in talosconfig and kubeconfig.
	ClusterName Label `json:"clusterName"`
	// Address of the Kubernetes API. Default: https://, network.addresses.kubernetesVIP and port 6443.
	Endpoint HTTPS `json:"endpoint"`
	// Network of the pods.
	PodCIDR netip.Prefix `json:"podCIDR"`
	// Network of the services.
	ServiceCIDR netip.Prefix `json:"serviceCIDR"`
	// Time server of the nodes. Certificates fail without the right time.
	TimeServer Domain `json:"timeServer"`
	// Container network that Talos brings: none, because Cilium is installed in phase 5.
	CNI CNI `json:"cni"`
	// Whether workloads run on control plane nodes. There are no others.
	ControlPlaneScheduling Scheduling `json:"controlPlaneScheduling"`
}

// CNI is the container network that Talos itself installs.
type CNI string

func (CNI) rule() rule { return oneOf("none") }

// Scheduling is whether workloads run on control plane nodes.
type Scheduling string

func (Scheduling) rule() rule { return oneOf("allowed") }

// The extensions that other parts of the plan depend on.
var neededExtensions = []struct {
	name Extension
	why  string
}{
	{"siderolabs/iscsi-tools", "democratic-csi mounts volumes with it"},
	{"siderolabs/qemu-guest-agent", "Proxmox reads addresses and shuts down through it"},
}

const kubernetesAPIPort = 6443

func (t *Talos) fill(n *Network) {
	or(&t.Version, "v1.12.4")
	or(&t.Kubernetes, "1.35.0")
	or(&t.ImageFactory, "https://factory.talos.dev")
	if t.Extensions == nil {
		for _, e := range neededExtensions {
			t.Extensions = append(t.Extensions, e.name)
		}
	}
	or(&t.ClusterName, "waddle-cluster")
	or(&t.Endpoint, endpointOf(n.Addresses.KubernetesVIP))
	or(&t.PodCIDR, netip.MustParsePrefix("10.244.0.0/16"))
	or(&t.ServiceCIDR, netip.MustParsePrefix("10.96.0.0/12"))
	or(&t.TimeServer, "time.cloudflare.com")
	or(&t.CNI, "none")
	or(&t.ControlPlaneScheduling, "allowed")
}

func endpointOf(vip netip.Addr) HTTPS {
	return HTTPS("https://" + netip.AddrPortFrom(vip, kubernetesAPIPort).String())
}

func (t *Talos) check(n *Network, f *faults) {
	t.checkVersions(f)
	t.checkExtensions(f)
	if want := endpointOf(n.Addresses.KubernetesVIP); t.Endpoint != want {
		f.add("spec.talos.endpoint", fmt.Sprintf("%s is not the virtual IP %s, which {other} says", t.Endpoint, n.Addresses.KubernetesVIP),
			string(want)+"; leave the key out to follow the virtual IP", "spec.network.addresses.kubernetesVIP")
	}
	t.checkNetworks(n, f)
}

// checkVersions holds Talos' support matrix: 1.N runs Kubernetes 1.(N+18) to 1.(N+23).
func (t *Talos) checkVersions(f *faults) {
	talos, kube := t.Version.Minor(), t.Kubernetes.Minor()
	if talos < 12 || !strings.HasPrefix(string(t.Version), "v1.") {
		f.add("spec.talos.version", fmt.Sprintf("waddled writes no machine configurations for %s", t.Version), "v1.12.0 or later of v1")
		return
	}
	if lo, hi := talos+18, talos+23; kube < lo || kube > hi || !strings.HasPrefix(string(t.Kubernetes), "1.") {
		f.add("spec.talos.kubernetes", fmt.Sprintf("Kubernetes %s does not run on Talos %s, which {other} says", t.Kubernetes, t.Version),
			fmt.Sprintf("1.%d to 1.%d", lo, hi), "spec.talos.version")
	}
}

func (t *Talos) checkExtensions(f *faults) {
	const path = "spec.talos.extensions"
	for _, e := range neededExtensions {
		found := false
		for _, x := range t.Extensions {
			found = found || x == e.name
		}
		if !found {
			f.add(path, fmt.Sprintf("lacks %s: %s", e.name, e.why), "a list with "+string(e.name))
		}
	}
	unique(f, "is listed twice: also {other}", "each extension once", f.each(path, len(t.Extensions)),
		func(i int) string { return string(t.Extensions[i]) })
}

func (t *Talos) checkNetworks(n *Network, f *faults) {
	const pods, services = "spec.talos.podCIDR", "spec.talos.serviceCIDR"
	nets := []place[netip.Prefix]{
		{pods, t.PodCIDR}, {services, t.ServiceCIDR},
	}
	// A network that is wrong by itself overlaps everything; one error is enough.
	if n.Internal.CIDR.Bits() >= 16 {
		nets = append(nets, place[netip.Prefix]{cidrPath, n.Internal.CIDR})
	}
	if p := n.Public.IPv4.Address; p.Bits() >= 8 {
		nets = append(nets, place[netip.Prefix]{"spec.network.public.ipv4.address", p.Masked()})
	}
	for _, c := range nets[:2] {
		switch {
		case !c.value.IsValid():
		case !c.value.Addr().Is4():
			f.add(c.path, c.value.String()+" is not IPv4", "an IPv4 network without host bits")
		case c.value != c.value.Masked():
			f.add(c.path, fmt.Sprintf("%s has host bits: the network is %s", c.value, c.value.Masked()), "an IPv4 network without host bits")
		case c.value.Bits() < 8 || c.value.Bits() > 22:
			f.add(c.path, fmt.Sprintf("%s has the prefix length %d", c.value, c.value.Bits()), "a prefix length from /8 to /22")
		}
	}
	for i, a := range nets[:2] {
		for _, b := range nets[i+1:] {
			if a.value.IsValid() && b.value.IsValid() && a.value.Overlaps(b.value) {
				f.clash(a.path, b.path, fmt.Sprintf("%s overlaps %s: also {other}", a.value, b.value), "pods, services, VMs and the host's public side in networks that do not overlap")
			}
		}
	}
}
