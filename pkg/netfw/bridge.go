package netfw

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Bridge is a bridge without a physical port.
type Bridge struct {
	Name      string
	Addresses []netip.Prefix // of the host on the bridge
	// Uplink is the bridge to the outside. It is only used to recognise the
	// masquerade hook in a stanza that was written by hand.
	Uplink string
}

// RenderInterfaces returns our file in /etc/network/interfaces.d, in the syntax
// of ifupdown2, which Proxmox VE uses.
func RenderInterfaces(want Bridge) []byte {
	var b strings.Builder
	b.WriteString("# Written by waddled from its platform file; changes made here are put back.\n")
	fmt.Fprintf(&b, "auto %s\niface %s inet static\n", want.Name, want.Name)
	for _, a := range want.Addresses {
		fmt.Fprintf(&b, "\taddress %s\n", a)
	}
	fmt.Fprintf(&b, "\thwaddress %s\n", want.mac())
	b.WriteString("\tbridge-ports none\n\tbridge-stp off\n\tbridge-fd 0\n")
	return []byte(b.String())
}

// mac is the bridge's own MAC: 02:00, which is locally administered, and the
// end of its first address. Without one the kernel gives a bridge the lowest MAC
// of its ports, anew with each VM that comes or goes, and the others lose their
// gateway until their ARP entry has expired
// (net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id).
func (want Bridge) mac() net.HardwareAddr {
	hw := net.HardwareAddr{0x02, 0, 0, 0, 0, 0}
	if len(want.Addresses) > 0 {
		a := want.Addresses[0].Addr().As16()
		copy(hw[2:], a[12:])
	}
	return hw
}

func (want Bridge) text() string {
	s := make([]string, len(want.Addresses))
	for i, a := range want.Addresses {
		s[i] = a.String()
	}
	return fmt.Sprintf("bridge without a physical port, %s, up", strings.Join(s, ", "))
}
