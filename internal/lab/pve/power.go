package pve

import (
	"errors"
	"fmt"
	"strings"
	"time"
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
		c := configs[nics[i].Index]
		nics[i].Addresses, nics[i].Gateway, nics[i].OnLink = c.addresses, c.gateway, c.onLink
	}
	return nics, ci, nil
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
