package platform

import "net/netip"

// Network is the host's network (plan: Network Architecture).
type Network struct {
	// The bridge to the internet.
	Public Public `json:"public"`
	// The bridge that all VMs, iSCSI and Kubernetes share.
	Internal Internal `json:"internal"`
	// The flexible IP under which the Teleport VM is reached from the internet.
	FlexibleIP FlexibleIP `json:"flexibleIP"`
	// Who has which address on the internal bridge. Default: .2, .10 and up, .20 and .30 of network.internal.cidr.
	Addresses Addresses `json:"addresses"`
	// Resolvers that VMs ask.
	Resolvers []netip.Addr `json:"resolvers"`
}

// Public is the bridge to the internet. It exists already; waddled changes neither it nor its addresses.
type Public struct {
	// Name of the bridge with the host's physical port.
	Bridge Bridge `json:"bridge"`
	// The host's public IPv4 address.
	IPv4 Uplink `json:"ipv4"`
	// The host's public IPv6 address. Leave it out when the host has none.
	IPv6 *Uplink `json:"ipv6,omitempty"`
}

// Uplink is an address and the way out.
type Uplink struct {
	// Address with the prefix length of its network.
	Address netip.Prefix `json:"address" platform:"required"`
	// Default gateway.
	Gateway netip.Addr `json:"gateway" platform:"required"`
}

// Internal is the bridge without a physical port.
type Internal struct {
	// Name of the bridge.
	Bridge Bridge `json:"bridge"`
	// IPv4 network on the bridge: private, from /16 to /26.
	CIDR netip.Prefix `json:"cidr"`
	// The host's own address on the bridge, the VMs' gateway. Default: .1 of the network.
	Address netip.Addr `json:"address"`
	// How VMs reach the internet through the host.
	NAT NAT `json:"nat"`
}

// NAT is what happens to packets from the internal network to the internet.
type NAT string

// The kinds of NAT.
const (
	Masquerade NAT = "masquerade" // they leave with the host's public address
	NoNAT      NAT = "none"       // they do not leave
)

func (NAT) rule() rule { return oneOf(string(Masquerade), string(NoNAT)) }

// FlexibleIP is a public address that the provider routes to one virtual MAC.
type FlexibleIP struct {
	// The public IPv4 address of the Teleport VM.
	Address netip.Addr `json:"address" platform:"required"`
	// The virtual MAC that the provider's console shows for this address.
	MAC MAC `json:"mac" platform:"required"`
	// Gateway of the Teleport VM on the public bridge, which may lie outside any network of its own (Scaleway: 62.210.0.1). Default: the host's gateway.
	Gateway netip.Addr `json:"gateway"`
	// The public IPv6 address of the Teleport VM. Leave it out when it has none.
	IPv6 *Uplink `json:"ipv6,omitempty"`
}

// Addresses is who has which address on the internal bridge (plan: IP Assignments).
type Addresses struct {
	// The Teleport VM.
	Teleport netip.Addr `json:"teleport"`
	// The Talos nodes, in the order of vms.nodes.
	Nodes []netip.Addr `json:"nodes"`
	// The Kubernetes API's virtual IP, held by one of the nodes.
	KubernetesVIP netip.Addr `json:"kubernetesVIP"`
	// The Cilium Gateway's virtual IP, announced by Cilium (L2).
	GatewayVIP netip.Addr `json:"gatewayVIP"`
}

// Offsets of the plan's addresses in the internal network.
const (
	hostOffset          = 1
	teleportOffset      = 2
	firstNodeOffset     = 10
	kubernetesVIPOffset = 20
	gatewayVIPOffset    = 30
)

func (n *Network) fill(nodes int) {
	or(&n.Public.Bridge, "vmbr0")
	or(&n.FlexibleIP.Gateway, n.Public.IPv4.Gateway)
	i := &n.Internal
	or(&i.Bridge, "vmbr1")
	or(&i.CIDR, netip.MustParsePrefix("10.10.0.0/24"))
	or(&i.Address, nth(i.CIDR, hostOffset))
	or(&i.NAT, Masquerade)
	a := &n.Addresses
	or(&a.Teleport, nth(i.CIDR, teleportOffset))
	or(&a.KubernetesVIP, nth(i.CIDR, kubernetesVIPOffset))
	or(&a.GatewayVIP, nth(i.CIDR, gatewayVIPOffset))
	if a.Nodes == nil {
		for k := range nodes {
			a.Nodes = append(a.Nodes, nth(i.CIDR, firstNodeOffset+k))
		}
	}
	if n.Resolvers == nil {
		n.Resolvers = []netip.Addr{netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("1.0.0.1")}
	}
}

// nth is the address at the offset n in p, or no address where p is not IPv4.
func nth(p netip.Prefix, n int) netip.Addr {
	if !p.IsValid() || !p.Addr().Is4() {
		return netip.Addr{}
	}
	b := p.Masked().Addr().As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
