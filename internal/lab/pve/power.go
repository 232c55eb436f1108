package pve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// startVM starts a VM that is off. The job holds its lock.
func (j *job) startVM(v *vm) error {
	var nics []NIC
	var ci CloudInit
	err := j.step("prepare", 0)
	if err == nil {
		err = j.with(func() (err error) {
			nics, ci, err = j.s.prepare(v)
			return err
		})
	}
	if err != nil {
		return err
	}
	if err := j.bridges(nics); err != nil {
		return err
	}
	if err := j.step("start", j.s.o.Timing.Start); err != nil {
		return fmt.Errorf("start failed: %w", err)
	}
	if err := j.plug(nics); err != nil {
		return fmt.Errorf("start failed: %w", err)
	}
	return j.with(func() error {
		v.Run = &run{PID: j.s.nextPID(), Since: j.s.now(), Plug: j.s.plugName(v), NICs: nics}
		if err := j.s.boot(v, ci, false); err != nil {
			v.Run = nil
			return errors.Join(fmt.Errorf("start failed: %w", err), j.s.o.Plugger.Unplug(j.s.ctx, j.s.plugName(v)))
		}
		return nil
	})
}

// prepare checks what Proxmox checks before QEMU runs, and makes the cloud-init drive. Server.mu is held.
func (s *Server) prepare(v *vm) ([]NIC, CloudInit, error) {
	var ci CloudInit
	switch {
	case v.template():
		return nil, ci, die("you can't start a vm if it's a template")
	case v.Run != nil:
		return nil, ci, die("VM %d already running", v.ID)
	}
	if err := v.unlocked(); err != nil {
		return nil, ci, err
	}
	v.applyPending(s)
	for _, opt := range drives(v.Config) {
		d := mustDrive(opt, v.Config[opt])
		if (d.disk() || d.cloudinit()) && !strings.HasPrefix(d["file"], "/") && s.st.Volumes[d["file"]] == nil {
			return nil, ci, die("volume '%s' does not exist", d["file"])
		}
	}
	nics, err := s.cards(v)
	if err != nil || !v.hasCloudinit() {
		return nics, ci, err
	}
	if ci, err = s.seed(v.ID, v.Drive); err != nil {
		return nil, ci, err
	}
	configs, err := readNetwork(ci.Network, nics)
	if err != nil {
		// A guest that cannot read its network configuration comes up without addresses.
		s.o.Log.Warn("guest without addresses", "vmid", v.ID, "cause", err)
	}
	for i := range nics {
		nics[i].Addresses, nics[i].Gateway = configs[nics[i].Index].addresses, configs[nics[i].Index].gateway
	}
	return nics, ci, nil
}

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
				nics[i].Addresses, nics[i].Gateway = old.Addresses, old.Gateway
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

// image is what the VM boots from: the image of the first disk in the boot order, or of the first disk.
func (s *Server) image(v *vm) (name, volid string) {
	order, _ := strings.CutPrefix(v.Config["boot"], "order=")
	for _, opt := range append(schema.List(order), drives(v.Config)...) {
		if !isDrive(opt) || v.Config[opt] == "" {
			continue
		}
		if d := mustDrive(opt, v.Config[opt]); d.disk() && s.st.Volumes[d["file"]] != nil {
			return s.st.Volumes[d["file"]].Image, d["file"]
		}
	}
	return "", ""
}

func (s *Server) guestFor(image string) Guest {
	best, found := Guest(Linux{}), -1
	for prefix, g := range s.o.Guests {
		if strings.HasPrefix(image, prefix) && len(prefix) > found {
			best, found = g, len(prefix)
		}
	}
	return best
}

// boot lets the guest run. Server.mu is held.
func (s *Server) boot(v *vm, ci CloudInit, resumed bool) error {
	image, volid := s.image(v)
	disk := filepath.Join(s.o.Dir, "disks", strings.NewReplacer("/", "_", ":", "_").Replace(or(volid, "vm-"+strconv.Itoa(v.ID))))
	if err := os.MkdirAll(disk, 0o700); err != nil {
		return err
	}
	running, err := s.guestFor(image).Boot(s.ctx, Machine{
		VMID: v.ID, Name: v.name(), Plug: v.Run.Plug, Image: image, NICs: slices.Clone(v.Run.NICs), CloudInit: ci,
		Config: maps.Clone(v.Config), Disk: disk, Timing: s.o.Timing, Resumed: resumed,
	})
	if err != nil {
		return err
	}
	m := &machine{running: running}
	s.live[v.ID] = m
	s.work.Go(func() { s.watch(v, m) })
	return nil
}

// watch clears up after a guest that went off by itself.
func (s *Server) watch(v *vm, m *machine) {
	select {
	case <-m.running.Done():
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	mine := s.live[v.ID] == m && !m.off
	if mine {
		m.off = true
	}
	s.mu.Unlock()
	if mine && s.ctx.Err() == nil {
		if err := s.cleanup(v, m); err != nil {
			s.o.Log.Error("cannot clear up after a VM", "vmid", v.ID, "cause", err)
		}
	}
}

// cleanup takes a VM's cables away and notes that it is off.
func (s *Server) cleanup(v *vm, m *machine) error {
	m.running.Stop()
	s.mu.Lock()
	name := s.plugName(v)
	s.mu.Unlock()
	err := s.o.Plugger.Unplug(context.WithoutCancel(s.ctx), name)
	return errors.Join(err, s.with(func() error {
		if s.live[v.ID] == m {
			delete(s.live, v.ID)
		}
		v.Run = nil
		v.applyPending(s)
		return nil
	}))
}

// take makes the caller the one who takes the VM down; nil when it is off already.
func (s *Server) take(v *vm) *machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.live[v.ID]
	if m != nil {
		m.off = true
	}
	return m
}

func (j *job) stopVM(v *vm) error {
	if err := j.step("stop", 0); err != nil {
		return err
	}
	if m := j.s.take(v); m != nil {
		return j.s.cleanup(v, m)
	}
	return nil
}

// shutdownVM presses the power button and waits. seconds is the wait, -1 for Proxmox's own.
func (j *job) shutdownVM(v *vm, seconds int, force bool) error {
	if err := j.step("shutdown", 0); err != nil {
		return err
	}
	j.s.mu.Lock()
	m := j.s.live[v.ID]
	j.s.mu.Unlock()
	if m == nil {
		return nil
	}
	wait := j.s.o.Timing.PowerWait
	if seconds >= 0 {
		wait = time.Duration(seconds) * time.Second
	}
	timer := time.NewTimer(j.s.o.Timing.of(wait))
	defer timer.Stop()
	m.running.Shutdown()
	select {
	case <-m.running.Done():
	case <-j.ctx.Done():
		return errStopped
	case <-timer.C:
		if !force {
			return fmt.Errorf("VM quit/powerdown failed - got timeout")
		}
		j.logf("VM quit/powerdown failed - terminating now with SIGTERM")
	}
	return j.stopVM(v)
}

// resume lets run again what ran when the simulator ended. A VM whose namespace has gone is off, as
// after a power cut.
func (s *Server) resume() {
	_ = s.with(func() error {
		for _, id := range s.vmIDs() {
			v := s.st.VMs[id]
			if v.Run == nil {
				continue
			}
			ci, err := s.seed(v.ID, v.Drive)
			if err == nil && s.o.Plugger.Plugged(s.ctx, v.Run.Plug) {
				err = s.boot(v, ci, true)
			} else {
				err = errors.Join(err, errors.New("its namespace has gone"))
			}
			if err != nil {
				s.o.Log.Warn("a VM is off after the restart", "vmid", id, "cause", err)
				v.Run = nil
			}
		}
		return nil
	})
}
