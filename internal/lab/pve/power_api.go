package pve

import (
	"strconv"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// powerTask starts a task that holds the VM's lock. check runs before, and again under the lock.
func (s *Server) powerTask(r *request, kind string, check func(*vm) error, work func(*job, *vm) error) (any, error) {
	if err := r.rootOnly("skiplock", "keepActive", "migratedfrom", "stateuri", "force-cpu", "nocheck"); err != nil {
		return nil, err
	}
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	if err := check(v); err != nil {
		return nil, err
	}
	if what, asked := map[string]string{"qmstart": "start", "qmstop": "stop", "qmshutdown": "stop"}[kind]; asked && v.HA {
		return r.askHA(what, kind, v, work)
	}
	return r.powerTask(kind, v, work)
}

// startTask starts a VM as another task does that wants it running.
func (r *request) startTask(v *vm) (any, error) { return r.powerTask("qmstart", v, (*job).startVM) }

func (r *request) powerTask(kind string, v *vm, work func(*job, *vm) error) (any, error) {
	s, skip := r.s, r.bool("skiplock", false)
	return r.start(kind, strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		err := j.with(func() error {
			if _, err := s.config(v.ID); err != nil {
				return err
			}
			if skip {
				return nil
			}
			return v.unlocked()
		})
		if err != nil {
			return err
		}
		return work(j, v)
	})
}

func anyState(*vm) error { return nil }

func mustRun(v *vm) error {
	if v.Run == nil {
		return die("VM %d not running", v.ID)
	}
	return nil
}

func canShutdown(v *vm) error {
	if v.Run != nil && v.Run.Paused {
		return die("VM is paused - cannot shutdown")
	}
	return nil
}

func (s *Server) startCall(r *request) (any, error) {
	return s.powerTask(r, "qmstart", anyState, (*job).startVM)
}

func (s *Server) stopCall(r *request) (any, error) {
	return s.powerTask(r, "qmstop", anyState, (*job).stopVM)
}

func (s *Server) shutdownCall(r *request) (any, error) {
	seconds, force := r.p.Int("timeout", -1), r.bool("forceStop", false)
	return s.powerTask(r, "qmshutdown", canShutdown, func(j *job, v *vm) error { return j.shutdownVM(v, seconds, force) })
}

func (s *Server) rebootCall(r *request) (any, error) {
	seconds := r.p.Int("timeout", -1)
	check := func(v *vm) error {
		if err := canShutdown(v); err != nil {
			return err
		}
		return mustRun(v)
	}
	return s.powerTask(r, "qmreboot", check, func(j *job, v *vm) error {
		if err := j.shutdownVM(v, seconds, false); err != nil {
			return err
		}
		return j.startVM(v)
	})
}

// resetCall is the reset button: the guest starts anew, the configuration stays as QEMU has it.
func (s *Server) resetCall(r *request) (any, error) {
	return s.powerTask(r, "qmreset", mustRun, func(j *job, v *vm) error {
		if err := j.step("reset", 0); err != nil {
			return err
		}
		m := s.take(v)
		if m == nil {
			return mustRun(v)
		}
		m.running.Stop()
		return j.with(func() error {
			ci, err := s.seed(v.ID, v.Drive)
			if err != nil {
				return err
			}
			return s.boot(v, ci, false)
		})
	})
}

func (s *Server) suspendCall(r *request) (any, error) {
	if r.bool("todisk", false) {
		return nil, wrongParam("todisk", "the simulator does not suspend to disk")
	}
	return s.pause(r, "qmsuspend", true)
}

func (s *Server) resumeCall(r *request) (any, error) { return s.pause(r, "qmresume", false) }

func (s *Server) pause(r *request, kind string, paused bool) (any, error) {
	return s.powerTask(r, kind, mustRun, func(j *job, v *vm) error {
		if err := j.step("pause", 0); err != nil {
			return err
		}
		return j.with(func() error {
			if v.Run != nil {
				v.Run.Paused = paused
			}
			return nil
		})
	})
}

func (s *Server) statusIndex(r *request) (any, error) {
	if _, err := r.vm(); err != nil {
		return nil, err
	}
	return index("current", "start", "stop", "reset", "shutdown", "suspend", "reboot"), nil
}

// state is what lists of VMs and status/current say.
func (s *Server) state(v *vm) map[string]any {
	m := map[string]any{"vmid": v.ID, "name": v.name(), "status": "stopped", "cpus": v.cpus(), "maxmem": v.memory(), "maxdisk": s.bootSize(v),
		"mem": 0, "cpu": 0.0, "disk": 0, "diskread": 0, "diskwrite": 0, "netin": 0, "netout": 0, "uptime": 0}
	if v.Run != nil {
		m["status"], m["pid"], m["uptime"] = "running", v.Run.PID, int(s.now().Sub(v.Run.Since).Seconds())
		m["mem"], m["cpu"] = v.memory()/4, 0.02
	}
	if n := v.Config["vcpus"]; n != "" { // from the configuration as it is: Perl may tell a number as the text that it was read as
		m["cpus"] = n
	}
	if v.template() {
		m["template"] = 1
	}
	for _, opt := range []string{"tags", "lock"} {
		if v.Config[opt] != "" {
			m[opt] = v.Config[opt]
		}
	}
	return m
}

func (v *vm) cpus() int {
	sockets, cores := max(1, atoi(v.Config["sockets"])), max(1, atoi(v.Config["cores"]))
	if n := atoi(v.Config["vcpus"]); n > 0 {
		return n
	}
	return sockets * cores
}

func (v *vm) memory() int64 {
	n := 512
	if m, err := schema.Config["memory"].Sub.Parse("memory", v.Config["memory"]); err == nil && m["current"] != "" {
		n = atoi(m["current"])
	}
	return int64(n) << 20
}

func (s *Server) bootSize(v *vm) int64 {
	_, volid := s.image(v)
	if vol := s.st.Volumes[volid]; vol != nil {
		return vol.Size
	}
	return 0
}

func (s *Server) current(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	m := s.state(v)
	m["ha"] = map[string]int{"managed": b2i(v.HA)}
	m["qmpstatus"] = "stopped"
	if v.Run != nil {
		m["qmpstatus"], m["running-machine"], m["running-qemu"] = "running", "pc-q35-10.0+pve0", "10.0.2"
		if v.Run.Paused {
			m["qmpstatus"] = "paused"
		}
	}
	if v.agentEnabled() {
		m["agent"] = 1
	}
	return m, nil
}

func (s *Server) listVMs(r *request) (any, error) {
	all := []map[string]any{}
	for _, id := range s.vmIDs() {
		if s.need(r.user, vmPath(id), "VM.Audit") == nil {
			all = append(all, s.state(s.st.VMs[id]))
		}
	}
	return all, nil
}
