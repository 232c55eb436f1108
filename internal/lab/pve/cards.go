package pve

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (s *Server) cards(v *vm) ([]NIC, error) {
	var all []NIC
	for _, opt := range nets(v.Config) {
		n, err := schema.Net.Parse(opt, v.Config[opt])
		if err != nil {
			return nil, err
		}
		all = append(all, NIC{VM: s.plugName(v), VMID: v.ID, Index: atoi(opt[3:]), Model: n["model"], Bridge: n["bridge"], MAC: n["macaddr"], LinkDown: n["link_down"] == "1"})
	}
	return all, nil
}

var pluggable = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// plugName is the VM's name where no other VM has it, since Proxmox allows a name twice.
func (s *Server) plugName(v *vm) string {
	name := v.Config["name"]
	if v.Run != nil {
		return v.Run.Plug
	}
	for _, other := range s.st.VMs {
		if other != v && other.Run != nil && other.Run.Plug == name {
			name = ""
		}
	}
	if !pluggable.MatchString(name) {
		return "vm-" + strconv.Itoa(v.ID)
	}
	return name
}

// bridges fails as the script that QEMU calls for each card: the cause is in the log only.
func (j *job) bridges(nics []NIC) error {
	have, err := j.s.o.Plugger.Bridges(j.ctx)
	if err != nil {
		return fmt.Errorf("start failed: %w", err)
	}
	for _, nic := range nics {
		if nic.Bridge == "" || slices.Contains(have, nic.Bridge) {
			continue
		}
		j.logf("bridge '%s' does not exist", nic.Bridge)
		j.logf("kvm: -netdev type=tap,id=net%d,ifname=tap%di%d,script=/usr/libexec/qemu-server/pve-bridge,downscript=/usr/libexec/qemu-server/pve-bridgedown: network script /usr/libexec/qemu-server/pve-bridge failed with status 512", nic.Index, nic.VMID, nic.Index)
		return fmt.Errorf("start failed: QEMU exited with code 1")
	}
	return nil
}

func (j *job) plug(nics []NIC) error {
	for _, nic := range nics {
		if nic.Bridge == "" || nic.LinkDown {
			continue
		}
		if err := j.s.o.Plugger.Plug(j.ctx, nic); err != nil {
			j.logf("%s", err)
			return errors.Join(fmt.Errorf("QEMU exited with code 1"), j.s.o.Plugger.Unplug(j.s.ctx, nic.VM))
		}
	}
	return nil
}

// replug connects cards anew that were changed while the VM runs. Other cards blink too: a
// namespace's cables come and go together.
func (j *job) replug(v *vm, changed []string) error {
	j.s.mu.Lock()
	if v.Run == nil || len(changed) == 0 {
		j.s.mu.Unlock()
		return nil
	}
	nics, err := j.s.cards(v)
	for i, nic := range nics { // the guest's own addresses stay on the cards that it has
		for _, old := range v.Run.NICs {
			if old.Index == nic.Index && strings.EqualFold(old.MAC, nic.MAC) {
				nics[i].Addresses, nics[i].Gateway, nics[i].OnLink = old.Addresses, old.Gateway, old.OnLink
			}
		}
	}
	v.Run.NICs = nics
	name := v.Run.Plug
	j.s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := j.bridges(nics); err != nil {
		return wrongParam(changed[0], "hotplug problem - %s", err)
	}
	if err := j.s.o.Plugger.Unplug(j.ctx, name); err != nil {
		return wrongParam(changed[0], "hotplug problem - %s", err)
	}
	if err := j.plug(nics); err != nil {
		return wrongParam(changed[0], "hotplug problem - %s", err)
	}
	return nil
}
