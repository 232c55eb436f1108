package netfw

import "net/netip"

// Profile says what the host's own services are open to.
type Profile string

// The profiles.
const (
	Open      Profile = "open"      // nothing of ours filters
	Initial   Profile = "initial"   // phase 0: SSH from anywhere, the rest closed to the public
	Lockdown  Profile = "lockdown"  // phase 3: nothing from the public side; the zones of the internal one
	Emergency Profile = "emergency" // lockdown with named exceptions
)

// Part is a part of the rules that can be wanted, loaded and undone by itself.
type Part uint8

// The parts.
const (
	PartInput   Part = 1 << iota // what reaches the host itself (phase 0)
	PartForward                  // what is forwarded (phase 1)
	PartNAT                      // masquerade (phase 1)
	PartPins                     // source addresses bound to the VMs' ports (phase 1, for phase 3)

	AllParts = PartInput | PartForward | PartNAT | PartPins
)

// RuleConfig is what the rules follow from.
type RuleConfig struct {
	// Parts is what a call is about. Parts that are not named are neither
	// looked at nor touched, in the kernel and in the rule files.
	Parts          Part
	Profile        Profile
	InternalBridge string       // vmbr1
	InternalCIDR   netip.Prefix // 10.10.0.0/24, IPv4
	PublicBridge   string       // vmbr0
	Isolated       bool         // the internal network does not leave the host: no masquerade, nothing forwarded out
	SSHPort        uint16       // open from SSHFrom in the initial profile
	InternalTCP    []uint16     // the host's TCP ports that InternalCIDR may reach in the initial profile

	// SSHFrom are the networks, of either family, that reach SSHPort in the
	// initial profile. Nil is everywhere, a list without one of a family nobody
	// of it. InternalCIDR reaches it by InternalTCP in any case.
	SSHFrom []netip.Prefix

	// Boot is the profile of the rule files when the one in the kernel is not
	// to survive a boot, as while a change is not confirmed. Zero is Profile,
	// and of Emergency, which never survives, Lockdown.
	Boot Profile

	InternalAddress netip.Addr // the host's own on the internal bridge, 10.10.0.1; no VM may use it
	InternalOpen    bool       // lockdown.internal: open: the internal bridge is one trusted zone
	Zones           Zones      // in lockdown, unless InternalOpen; that of the nodes also in the initial profile
	Exceptions      []Exception
	// Pins say which addresses each VM may use, by VMID, on all its ports
	// (tap<vmid>i<n>, fwpr<vmid>p<n>). An address of several VMs, as a
	// floating one, passes from each of them. Addresses that nobody is pinned
	// to are free. They hold in every profile but open.
	Pins map[int][]netip.Addr
}

// Zones are the parts of the internal network that may reach something of the
// host in lockdown. Everybody else there reaches nothing.
type Zones struct {
	Teleport Zone // SSH, 8006, waddled's API
	Nodes    Zone // iSCSI 3260, the endpoint of democratic-csi
}

// Zone is some addresses on the internal bridge, of either family, and the
// host's TCP ports that they may reach.
type Zone struct {
	Addresses []netip.Addr
	TCP       []uint16
}

// Exception opens the Proxmox UI or SSH to some sources in an emergency.
type Exception struct {
	Sources []netip.Prefix // of either family
	TCP     []uint16       // 8006, SSHPort
}
