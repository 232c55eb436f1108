package pve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// destroy removes a VM, its disks, and what else names it.
func (s *Server) destroy(r *request) (any, error) {
	if err := r.rootOnly("skiplock"); err != nil {
		return nil, err
	}
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	if err := v.canDestroy(); err != nil {
		return nil, err
	}
	skip, orphans := r.bool("skiplock", false), r.bool("destroy-unreferenced-disks", false)
	return r.start("qmdestroy", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		err := j.with(func() error {
			if !skip {
				if err := v.unlocked(); err != nil {
					return err
				}
			}
			return v.canDestroy()
		})
		if err != nil {
			return err
		}
		return j.destroyVM(v, orphans)
	})
}

func (v *vm) canDestroy() error {
	if v.Config["protection"] == "1" {
		return die("can't remove VM %d - protection mode enabled", v.ID)
	}
	if v.Run != nil {
		return die("VM %d is running - destroy failed", v.ID)
	}
	return nil
}

// destroyVM frees the disks one by one and then removes the configuration. When it is interrupted
// in between, what was freed is gone and the configuration still names it: as in reality, asking
// again finishes it.
func (j *job) destroyVM(v *vm, orphans bool) error {
	j.s.mu.Lock()
	ids := j.s.owned(v, orphans)
	j.s.mu.Unlock()
	if err := j.with(func() error { return j.s.basesFree(v, ids) }); err != nil {
		return err
	}
	for _, id := range ids {
		if err := j.step("destroy", j.s.o.Timing.Destroy); err != nil {
			return err
		}
		err := j.with(func() error {
			if vol := j.s.st.Volumes[id]; vol != nil && j.s.diskBusy(v.ID) {
				return vol.busy(j.s.st.Storages[vol.Store])
			}
			return j.s.freeVolume(id)
		})
		if err != nil && j.s.ctx.Err() == nil {
			j.warnf("Could not remove disk '%s', check manually: %s", id, err)
		}
	}
	if err := j.step("unregister", 0); err != nil {
		return err
	}
	return j.with(func() error {
		s := j.s
		delete(s.st.VMs, v.ID)
		for _, p := range s.st.Pools {
			delete(p.VMs, v.ID)
		}
		s.st.ACL = slices.DeleteFunc(s.st.ACL, func(a acl) bool { return a.Path == vmPath(v.ID) })
		return nil
	})
}

func (v *volume) busy(st *Storage) error {
	_, name := splitVolid(v.ID)
	if st.Type == "zfspool" {
		return fmt.Errorf("zfs error: cannot destroy '%s/%s': dataset is busy", st.Pool, name)
	}
	return fmt.Errorf("unlink '%s' failed - Device or resource busy", name)
}

// owned are the volumes that go with a VM: those that its configuration and its snapshots name,
// and with orphans every volume of its number.
func (s *Server) owned(v *vm, orphans bool) []string {
	var ids []string
	add := func(config map[string]string) {
		for opt, value := range config {
			id := value
			if isDrive(opt) {
				id = mustDrive(opt, value)["file"]
			} else if !strings.HasPrefix(opt, "unused") {
				continue
			}
			if vol := s.st.Volumes[id]; vol != nil && vol.VMID == v.ID && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	add(v.Config)
	add(v.Pending)
	for _, sn := range v.Snapshots {
		add(sn.Config)
		add(map[string]string{"unused": sn.VMState})
	}
	for id, vol := range s.st.Volumes {
		if orphans && vol.VMID == v.ID && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *Server) basesFree(v *vm, ids []string) error {
	for _, vol := range s.st.Volumes {
		if vol.Base != "" && slices.Contains(ids, vol.Base) && vol.VMID != v.ID {
			return fmt.Errorf("base volume '%s' is still in use by linked cloned", vol.Base)
		}
	}
	return nil
}
