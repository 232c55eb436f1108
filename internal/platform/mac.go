package platform

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
)

// MAC is an Ethernet address of one interface (EUI-48, unicast).
type MAC [6]byte

var macRE = regexp.MustCompile(`^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$`)

func (MAC) rule() rule {
	return rule{kind: textLeaf, pattern: macRE, allowed: "six pairs of hexadecimal digits joined by ':', e.g. 52:54:00:ab:cd:ef; the first pair even (unicast)", example: "52:54:00:ab:cd:ef"}
}

// UnmarshalText reads "52:54:00:ab:cd:ef". Proxmox VE refuses multicast addresses, so they are refused here.
func (m *MAC) UnmarshalText(text []byte) error {
	if !macRE.Match(text) {
		return fmt.Errorf("%s is not a MAC address", quote(string(text), rule{}))
	}
	hw, err := net.ParseMAC(string(text))
	if err != nil {
		return err
	}
	parsed := MAC(hw)
	if parsed == (MAC{}) {
		return errors.New("00:00:00:00:00:00 is nobody's address")
	}
	if parsed[0]&1 == 1 {
		return fmt.Errorf("%s is a multicast address", parsed)
	}
	*m = parsed
	return nil
}

func (m MAC) wrong() string {
	if m[0]&1 == 1 {
		return m.String() + " is a multicast address"
	}
	return ""
}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText gives lower case with colons.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// macOf derives a stable address in Proxmox Server Solutions' range bc:24:11
// from an internal IPv4 address, so that a VM keeps its MAC when it is made anew.
func macOf(a netip.Addr) MAC {
	if !a.Is4() {
		return MAC{}
	}
	b := a.As4()
	return MAC{0xbc, 0x24, 0x11, b[1], b[2], b[3]}
}
