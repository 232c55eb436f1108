package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// VM is a virtual machine of the lab: a namespace with a cable to a bridge of the host.
type VM struct {
	Name      string         `json:"name"`          // letters, digits and hyphens
	VMID      int            `json:"vmid"`          // Proxmox's number, 100 or more
	NIC       int            `json:"nic"`           // which network card, 0 for the first; Plug a VM again for the next
	Bridge    string         `json:"bridge"`        // of the host
	MAC       string         `json:"mac,omitempty"` // empty: made from VMID and NIC
	Addresses []netip.Prefix `json:"addresses"`     // of the card
	Gateway   netip.Addr     `json:"gateway"`       // default route; the zero value sets none
}

// Tap is the name of the card's end on the host, as Proxmox names it.
func (v VM) Tap() string { return fmt.Sprintf("tap%di%d", v.VMID, v.NIC) }

func (v VM) eth() string { return fmt.Sprintf("eth%d", v.NIC) }

func (v VM) mac() net.HardwareAddr {
	if mac, err := net.ParseMAC(v.MAC); err == nil {
		return mac
	}
	// BC:24:11 is the prefix from which Proxmox draws.
	return net.HardwareAddr{0xbc, 0x24, 0x11, byte(v.VMID >> 8), byte(v.VMID), byte(v.NIC)}
}

func (v VM) check() error {
	switch {
	case !vmName.MatchString(v.Name):
		return fmt.Errorf("%q is no VM's name: lower-case letters, digits and hyphens are allowed", v.Name)
	case v.VMID < 100 || v.VMID > 999_999_999:
		return fmt.Errorf("VMID %d is out of range: Proxmox allows 100 to 999999999", v.VMID)
	case v.NIC < 0 || v.NIC > 31:
		return fmt.Errorf("NIC %d is out of range: Proxmox allows 0 to 31", v.NIC)
	}
	if mac, err := net.ParseMAC(v.MAC); v.MAC != "" && (err != nil || len(mac) != 6) {
		return fmt.Errorf("%q is no MAC of Ethernet: bc:24:11:00:00:01 would be one", v.MAC)
	}
	return nil
}

// VM returns the node of a VM that is plugged in, or nil.
func (l *Lab) VM(name string) *Node {
	if _, there := nsLink(netnsPath(l.Name, vmNode(name))); !there || !vmName.MatchString(name) {
		return nil
	}
	return l.vmNode(name)
}

func (l *Lab) vmNode(name string) *Node {
	return l.guest(name, vmNode(name))
}

// VMs lists the cards of the VMs that are plugged in, sorted by name.
func (l *Lab) VMs() ([]VM, error) {
	entries, err := os.ReadDir(stateDir(l.Name))
	if err != nil {
		return nil, err
	}
	var vms []VM
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), vmNode("")) || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(stateDir(l.Name), e.Name()))
		if err != nil {
			return nil, err
		}
		var vm VM
		if err := json.Unmarshal(raw, &vm); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", e.Name(), err)
		}
		vms = append(vms, vm)
	}
	return vms, nil
}
