package pve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// ofTheCall are parameters of create and config that are no options of the VM.
var ofTheCall = []string{"node", "vmid", "archive", "bwlimit", "force", "import-working-storage", "live-restore", "pool", "start", "storage", "unique", "delete", "revert", "digest", "skiplock", "background_delay"}

// options are the parameters that belong to the VM's configuration. cdrom is another name for ide2.
func options(p schema.Values) map[string]string {
	all := map[string]string{}
	for _, name := range p.Names() {
		if !slices.Contains(ofTheCall, name) {
			all[name] = p.Text(name)
		}
	}
	if v, ok := all["cdrom"]; ok {
		if !strings.Contains(v, "media=") {
			v += ",media=cdrom"
		}
		all["ide2"] = v
		delete(all, "cdrom")
	}
	return all
}

func (s *Server) createVM(r *request) (any, error) {
	vmid, pool, standard := r.vmid(), r.text("pool"), r.text("storage")
	config := options(r.p)
	if r.p.Has("archive") {
		return nil, wrongParam("archive", "the simulator does not restore backups")
	}
	if err := s.mayCreate(r, vmid, pool, standard, config); err != nil {
		return nil, err
	}
	if err := s.inUse(vmid); err != nil {
		return nil, die("unable to create VM %d - %s", vmid, err)
	}
	v := newVM(vmid)
	v.Config["lock"] = "create"
	s.st.VMs[vmid] = v
	if pool != "" {
		s.st.Pools[pool].VMs[vmid] = true
	}
	start := r.bool("start", false)
	return r.start("qmcreate", strconv.Itoa(vmid), func(j *job) error {
		if err := j.create(v, config, standard); err != nil {
			return fmt.Errorf("unable to create VM %d - %w", vmid, err)
		}
		if !start {
			return nil
		}
		j.logf("start VM %d after creation", vmid)
		if err := j.startVM(v); err != nil {
			j.logf("WARN: start failed: %s", err)
		}
		return nil
	}, func(j *job) { j.forget(vmid) })
}

func (s *Server) mayCreate(r *request, vmid int, pool, standard string, config map[string]string) error {
	if pool != "" && s.st.Pools[pool] == nil {
		return forbidden("pool '" + pool + "' does not exist")
	}
	if standard != "" {
		if err := s.need(r.user, "/storage/"+standard, "Datastore.AllocateSpace"); err != nil {
			return err
		}
	}
	if r.bool("start", false) {
		if err := s.needVM(r.user, vmid, pool, "VM.PowerMgmt"); err != nil {
			return err
		}
	}
	if s.needVM(r.user, vmid, pool, "VM.Allocate") != nil {
		return forbidden("")
	}
	names := make([]string, 0, len(config))
	for name := range config {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, check := range []func() error{
		func() error { return checkDrives(config) },
		func() error { return s.mayStorage(r, vmid, config, standard) },
		func() error { return s.mayConfigure(r.user, vmid, pool, names) },
		func() error { return s.mayDevices(r.user, vmid, pool, config) },
		func() error { return s.mayBridges(r.user, config) },
		func() error { return checkBalloon(config) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func checkBalloon(config map[string]string) error {
	memory := 512
	if m := config["memory"]; m != "" {
		memory = atoi(strings.TrimPrefix(m, "current="))
	}
	if atoi(config["balloon"]) > memory {
		return die("balloon value too large (must be smaller than assigned memory)")
	}
	return nil
}

// create makes the disks and writes the configuration. On failure nothing is left: Proxmox frees
// the volumes that it had made and removes the configuration.
func (j *job) create(v *vm, config map[string]string, standard string) error {
	var made []string
	err := j.lockVM(v.ID)
	if err == nil {
		err = j.fillVM(v, config, standard, &made)
	}
	if err == nil {
		return nil
	}
	j.drop(made)
	j.forget(v.ID)
	return err
}

// forget removes a configuration that was not finished.
func (j *job) forget(vmid int) {
	_ = j.with(func() error {
		delete(j.s.st.VMs, vmid)
		for _, p := range j.s.st.Pools {
			delete(p.VMs, vmid)
		}
		return nil
	})
}

func (j *job) fillVM(v *vm, config map[string]string, standard string, made *[]string) error {
	disks, err := j.makeDisks(v.ID, config, standard, made)
	if err != nil {
		return err
	}
	if err := j.step("configure", 0); err != nil {
		return err
	}
	return j.with(func() error {
		for opt, value := range config {
			v.Config[opt] = normal(opt, value)
		}
		for opt, value := range disks {
			v.Config[opt] = value
		}
		complete(v.Config, j.s.now())
		delete(v.Config, "lock")
		v.regenerate()
		return nil
	})
}
