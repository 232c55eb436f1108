package netfw

import (
	"fmt"
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
	b.WriteString("\tbridge-ports none\n\tbridge-stp off\n\tbridge-fd 0\n")
	return []byte(b.String())
}

func (want Bridge) text() string {
	s := make([]string, len(want.Addresses))
	for i, a := range want.Addresses {
		s[i] = a.String()
	}
	return fmt.Sprintf("bridge without a physical port, %s, up", strings.Join(s, ", "))
}
