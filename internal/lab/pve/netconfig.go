package pve

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/goccy/go-yaml"
)

// cardConfig is what a guest gives one of its cards.
type cardConfig struct {
	addresses []netip.Prefix
	gateway   netip.Addr
	onLink    bool
}

// readNetwork reads a cloud-init network configuration, of version 1 (Proxmox's own) or 2
// (netplan), as a guest does: a card is found by its MAC, or else by the name ethN. DHCP gives
// nothing, since a lab has no DHCP server.
func readNetwork(text string, nics []NIC) (map[int]cardConfig, error) {
	var doc struct {
		Version   int
		Config    []physical
		Ethernets map[string]ethernet
		Network   *struct {
			Version   int
			Config    []physical
			Ethernets map[string]ethernet
		}
	}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("cannot read the network configuration: %w", err)
	}
	if doc.Network != nil {
		doc.Version, doc.Config, doc.Ethernets = doc.Network.Version, doc.Network.Config, doc.Network.Ethernets
	}
	cards := map[int]cardConfig{}
	for _, nic := range nics {
		card := cardConfig{}
		for _, p := range doc.Config {
			if p.Type == "physical" && isCard(nic, p.MAC, p.Name) {
				p.give(&card)
			}
		}
		for name, e := range doc.Ethernets {
			if isCard(nic, e.Match.MAC, name) {
				e.give(&card)
			}
		}
		cards[nic.Index] = card
	}
	return cards, nil
}

func isCard(nic NIC, mac, name string) bool {
	if mac != "" {
		return strings.EqualFold(mac, nic.MAC)
	}
	return name == fmt.Sprintf("eth%d", nic.Index)
}

type physical struct {
	Type, Name string
	MAC        string `yaml:"mac_address"`
	Subnets    []struct {
		Type, Address, Netmask, Gateway string
	}
}

func (p physical) give(c *cardConfig) {
	for _, sub := range p.Subnets {
		if !strings.HasPrefix(sub.Type, "static") {
			continue
		}
		c.address(sub.Address, sub.Netmask)
		c.via(sub.Gateway)
	}
}

type ethernet struct {
	Match struct {
		MAC string `yaml:"macaddress"`
	}
	Addresses []string
	Gateway4  string
	Routes    []struct {
		To, Via string
		OnLink  bool `yaml:"on-link"`
	}
}

func (e ethernet) give(c *cardConfig) {
	for _, a := range e.Addresses {
		c.address(a, "")
	}
	c.via(e.Gateway4)
	for _, r := range e.Routes {
		if r.To == "default" || r.To == "0.0.0.0/0" {
			c.via(r.Via)
			c.onLink = c.onLink || r.OnLink
		}
	}
}

func (c *cardConfig) address(text, mask string) {
	if p, err := netip.ParsePrefix(text); err == nil {
		c.addresses = append(c.addresses, p)
		return
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return
	}
	bits := a.BitLen()
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
		bits = 0
		for _, b := range m.As4() {
			for ; b&0x80 != 0; b <<= 1 {
				bits++
			}
		}
	}
	c.addresses = append(c.addresses, netip.PrefixFrom(a, bits))
}

func (c *cardConfig) via(text string) {
	if a, err := netip.ParseAddr(text); err == nil && !c.gateway.IsValid() {
		c.gateway = a
	}
}
