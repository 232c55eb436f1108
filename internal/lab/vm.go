package lab

import (
	"context"
	"encoding/json"
	"errors"
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

// Plug starts a VM: it makes its namespace unless an earlier call for another card did,
// and connects the card to the bridge, whose name has to exist on the host.
func (l *Lab) Plug(ctx context.Context, vm VM) (*Node, error) {
	n, err := l.plug(ctx, vm, seam{})
	if err != nil {
		return nil, fmt.Errorf("cannot plug VM %s into %s of lab %s: %w", vm.Name, vm.Bridge, l.Name, err)
	}
	return n, nil
}

func (l *Lab) plug(ctx context.Context, vm VM, s seam) (*Node, error) {
	if err := errors.Join(ctx.Err(), vm.check()); err != nil {
		return nil, err
	}
	unlock, err := lock(l.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	host, err := dialNetlink(l.Host.netns)
	if err != nil {
		return nil, err
	}
	defer host.close()
	if _, err := host.LinkByName(vm.Bridge); err != nil {
		return nil, fmt.Errorf("the host has no bridge of that name: %w", err)
	}
	if _, err := host.LinkByName(vm.Tap()); err == nil {
		return nil, fmt.Errorf("%s is plugged in already: unplug it first, or choose another VMID or NIC", vm.Tap())
	}
	path := netnsPath(l.Name, vmNode(vm.Name))
	fresh := false
	if _, there := nsLink(path); !there {
		fresh = true
		if err := s.newNetns(l.Name, vmNode(vm.Name)); err != nil {
			return nil, err
		}
	}
	if err := s.cable(ctx, l, host, path, vm); err != nil {
		if link, lerr := host.LinkByName(vm.Tap()); lerr == nil {
			err = errors.Join(err, host.LinkDel(link))
		}
		if fresh {
			err = errors.Join(err, removeNetns(path))
		}
		return nil, err
	}
	return l.vmNode(vm.Name), nil
}

func (s seam) cable(ctx context.Context, l *Lab, host *inside, path string, vm VM) error {
	guest, err := dialNetlink(path)
	if err != nil {
		return err
	}
	defer guest.close()
	err = s.all([]step{
		{"connect " + vm.Tap(), func() error { return host.veth(vm.Tap(), guest, vm.eth(), vm.mac()) }},
		{"plug " + vm.Tap() + " into " + vm.Bridge, func() error { return host.port(vm.Tap(), vm.Bridge) }},
		{"set " + vm.Tap() + " up", func() error { return host.up(vm.Tap()) }},
		{"set the guest's lo up", func() error { return guest.up("lo") }},
		{"set the guest's " + vm.eth() + " up", func() error { return guest.up(vm.eth()) }},
		{"give the guest its addresses", func() error { return guest.addresses(vm.eth(), vm.Addresses...) }},
		{"give the guest its route", func() error {
			if !vm.Gateway.IsValid() {
				return nil
			}
			return guest.defaultRoutes(vm.Gateway)
		}},
		{"note VM " + vm.Name, func() error { return writeJSON(vmFile(l.Name, vmCard(vm)), vm) }},
	})
	if err != nil {
		return err
	}
	return errors.Join(host.await(ctx, vm.Tap(), vm.Bridge), guest.await(ctx, vm.eth()))
}

func vmCard(vm VM) string { return fmt.Sprintf("%s.%d", vmNode(vm.Name), vm.NIC) }

// Unplug stops a VM: its processes are killed and its cables taken out of the bridges.
// It is not an error when there is none of that name.
func (l *Lab) Unplug(ctx context.Context, name string) error {
	unlock, err := lock(l.Name)
	if err != nil {
		return err
	}
	defer unlock()
	vms, err := l.VMs()
	if err != nil {
		return fmt.Errorf("cannot unplug VM %s of lab %s: %w", name, l.Name, err)
	}
	path := netnsPath(l.Name, vmNode(name))
	if err := killIn(ctx, []string{path}); err != nil {
		return fmt.Errorf("cannot unplug VM %s of lab %s: %w", name, l.Name, err)
	}
	host, err := dialNetlink(l.Host.netns)
	if err != nil {
		return err
	}
	defer host.close()
	for _, vm := range vms {
		if vm.Name != name {
			continue
		}
		// The cable goes with the namespace, but only some time after.
		if link, err := host.LinkByName(vm.Tap()); err == nil {
			if err := host.LinkDel(link); err != nil {
				return fmt.Errorf("cannot unplug %s of lab %s: %w", vm.Tap(), l.Name, err)
			}
		}
		if err := os.Remove(vmFile(l.Name, vmCard(vm))); err != nil {
			return err
		}
	}
	return removeNetns(path)
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
