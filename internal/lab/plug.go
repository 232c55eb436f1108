package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
)

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
