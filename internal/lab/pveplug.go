package lab

import (
	"context"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// Plugger plugs the VMs of a simulated Proxmox node into the bridges of a lab's host, as
// namespaces of the lab: it changes what Plug and Unplug change, and a VM's default route.
type Plugger struct{ Lab *Lab }

// Bridges implements pve.Plugger.
func (p Plugger) Bridges(context.Context) ([]string, error) {
	host, err := dialNetlink(p.Lab.Host.netns)
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's bridges: %w", err)
	}
	defer host.close()
	links, err := host.LinkList()
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's bridges: %w", err)
	}
	var names []string
	for _, l := range links {
		if l.Type() == "bridge" {
			names = append(names, l.Attrs().Name)
		}
	}
	return names, nil
}

// Plug implements pve.Plugger. A gateway outside the card's networks works as in a real guest: with an
// on-link route it is a neighbour, and without one the guest has no route.
func (p Plugger) Plug(ctx context.Context, nic pve.NIC) error {
	card := VM{Name: nic.VM, VMID: nic.VMID, NIC: nic.Index, Bridge: nic.Bridge, MAC: nic.MAC, Addresses: nic.Addresses}
	for _, a := range nic.Addresses {
		if nic.Gateway.IsValid() && a.Masked().Contains(nic.Gateway) {
			card.Gateway = nic.Gateway
		}
	}
	vm, err := p.Lab.Plug(ctx, card)
	if err != nil || card.Gateway.IsValid() || !nic.Gateway.IsValid() || !nic.OnLink {
		return err
	}
	_, err = vm.Run(ctx, "ip", "route", "add", "default", "via", nic.Gateway.String(), "dev", card.eth(), "onlink")
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
	var o, e strings.Builder
	cmd := node.Command(ctx, argv...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(string(stdin)), &o, &e
	code, err = exitCode(cmd.Run())
	return []byte(o.String()), []byte(e.String()), code, err
}
