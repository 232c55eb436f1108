// Package inlab plugs the VMs of a simulated Proxmox node into a lab: it is apart from
// package pve so that the lab itself can use that one. It changes what lab.Plug and
// lab.Unplug change, and a VM's default route.
package inlab

import (
	"context"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/pve"
)

// Plugger plugs VMs into the bridges of a lab's host, as namespaces of the lab.
type Plugger struct{ Lab *lab.Lab }

// Bridges implements pve.Plugger.
func (p Plugger) Bridges(ctx context.Context) ([]string, error) {
	out, err := p.Lab.Host.Run(ctx, "ip", "-o", "link", "show", "type", "bridge")
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's bridges: %w", err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 {
			names = append(names, strings.TrimSuffix(f[1], ":"))
		}
	}
	return names, nil
}

// Plug implements pve.Plugger. A gateway outside the card's networks works as in a real guest: with an
// on-link route it is a neighbour, and without one the guest has no route.
func (p Plugger) Plug(ctx context.Context, nic pve.NIC) error {
	card := lab.VM{Name: nic.VM, VMID: nic.VMID, NIC: nic.Index, Bridge: nic.Bridge, MAC: nic.MAC, Addresses: nic.Addresses}
	for _, a := range nic.Addresses {
		if nic.Gateway.IsValid() && a.Masked().Contains(nic.Gateway) {
			card.Gateway = nic.Gateway
		}
	}
	vm, err := p.Lab.Plug(ctx, card)
	if err != nil || card.Gateway.IsValid() || !nic.Gateway.IsValid() || !nic.OnLink {
		return err
	}
	_, err = vm.Run(ctx, "ip", "route", "add", "default", "via", nic.Gateway.String(), "dev", fmt.Sprintf("eth%d", nic.Index), "onlink")
	return err
}

// Unplug implements pve.Plugger.
func (p Plugger) Unplug(ctx context.Context, vm string) error { return p.Lab.Unplug(ctx, vm) }

// Plugged implements pve.Plugger.
func (p Plugger) Plugged(_ context.Context, vm string) bool { return p.Lab.VM(vm) != nil }

// Exec is pve.Linux.Exec inside the VM's namespace: the guest agent's commands really run there, with
// the machine's files.
func (p Plugger) Exec(ctx context.Context, m pve.Machine, argv []string, stdin []byte) (out, errOut []byte, code int, err error) {
	node := p.Lab.VM(m.Plug)
	if node == nil {
		return nil, nil, 0, fmt.Errorf("VM %s has no network card that is plugged in", m.Plug)
	}
	return capture(node.Command(ctx, argv...), stdin)
}
