package pve

import (
	"context"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/lab"
)

// InLab plugs VMs into the bridges of a lab's host, as namespaces of the lab.
type InLab struct{ Lab *lab.Lab }

// Bridges implements Plugger.
func (p InLab) Bridges(ctx context.Context) ([]string, error) {
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

// Plug implements Plugger. A gateway outside the card's networks cannot be routed to without an
// on-link route, which lab.Plug does not set: such a card gets its addresses and no gateway.
func (p InLab) Plug(ctx context.Context, nic NIC) error {
	card := lab.VM{Name: nic.VM, VMID: nic.VMID, NIC: nic.Index, Bridge: nic.Bridge, MAC: nic.MAC, Addresses: nic.Addresses}
	for _, a := range nic.Addresses {
		if nic.Gateway.IsValid() && a.Masked().Contains(nic.Gateway) {
			card.Gateway = nic.Gateway
		}
	}
	_, err := p.Lab.Plug(ctx, card)
	return err
}

// Unplug implements Plugger.
func (p InLab) Unplug(ctx context.Context, vm string) error { return p.Lab.Unplug(ctx, vm) }

// Plugged implements Plugger.
func (p InLab) Plugged(_ context.Context, vm string) bool { return p.Lab.VM(vm) != nil }

// Exec is Linux.Exec inside the VM's namespace: the guest agent's commands really run there, with
// the machine's files.
func (p InLab) Exec(ctx context.Context, m Machine, argv []string, stdin []byte) (out, errOut []byte, code int, err error) {
	node := p.Lab.VM(m.Plug)
	if node == nil {
		return nil, nil, 0, fmt.Errorf("VM %s has no network card that is plugged in", m.Plug)
	}
	return capture(node.Command(ctx, argv...), stdin)
}
