package pve

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

func (s *Server) listSnapshots(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	names := slices.SortedFunc(maps.Keys(v.Snapshots), func(a, b string) int {
		return cmp.Or(cmp.Compare(v.Snapshots[a].Time, v.Snapshots[b].Time), cmp.Compare(a, b))
	})
	for _, name := range names {
		sn := v.Snapshots[name]
		m := map[string]any{"name": name, "description": sn.Description, "snaptime": sn.Time, "vmstate": b2i(sn.VMState != "")}
		if sn.Parent != "" {
			m["parent"] = sn.Parent
		}
		all = append(all, m)
	}
	now := map[string]any{"name": "current", "description": "You are here!", "digest": v.digest(), "running": b2i(v.Run != nil)}
	if v.Parent != "" {
		now["parent"] = v.Parent
	}
	return append(all, now), nil
}

func (s *Server) theSnapshot(r *request) (*vm, *snapshot, error) {
	v, err := r.vm()
	if err != nil {
		return nil, nil, err
	}
	sn := v.Snapshots[r.text("snapname")]
	if sn == nil {
		return nil, nil, die("snapshot '%s' does not exist", r.text("snapname"))
	}
	return v, sn, nil
}

func (s *Server) snapshotIndex(r *request) (any, error) {
	if _, _, err := s.theSnapshot(r); err != nil {
		return nil, err
	}
	return index("config", "rollback"), nil
}

func (s *Server) snapshotConfig(r *request) (any, error) {
	_, sn, err := s.theSnapshot(r)
	if err != nil {
		return nil, err
	}
	m := typed(sn.Config)
	m["snaptime"], m["description"] = sn.Time, sn.Description
	if sn.Parent != "" {
		m["parent"] = sn.Parent
	}
	return m, nil
}

func (s *Server) snapshotDescribe(r *request) (any, error) {
	_, sn, err := s.theSnapshot(r)
	if err != nil {
		return nil, err
	}
	sn.Description = r.text("description")
	return nil, nil
}

func (s *Server) createSnapshot(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	name, desc, ram := r.text("snapname"), r.text("description"), r.bool("vmstate", false)
	if name == "current" || name == "pending" {
		return nil, die("unable to use snapshot name '%s' (reserved name)", name)
	}
	return r.start("qmsnapshot", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		if err := j.with(func() error { return s.canTake(v, name) }); err != nil {
			return err
		}
		state, err := j.stateVolume(v, name, ram)
		if err == nil {
			err = j.step("snapshot", s.o.Timing.Snapshot)
		}
		if err != nil {
			_ = j.with(func() error { delete(v.Config, "lock"); return s.freeState(state) })
			return err
		}
		return j.with(func() error {
			delete(v.Config, "lock")
			for _, id := range v.volumes() {
				s.st.Volumes[id].Snaps = append(s.st.Volumes[id].Snaps, name)
			}
			v.Snapshots[name] = &snapshot{Description: desc, Parent: v.Parent, Time: s.now().Unix(), VMState: state, Config: maps.Clone(v.Config)}
			v.Parent = name
			return nil
		})
	})
}

// stateVolume is where the guest's memory is kept: Proxmox takes twice the memory and 500 MiB for it, beside
// the first disk.
func (j *job) stateVolume(v *vm, snapshot string, wanted bool) (string, error) {
	j.s.mu.Lock()
	store, running := v.Config["vmstatestorage"], v.Run != nil
	if disks := v.volumes(); store == "" && len(disks) > 0 {
		store, _ = splitVolid(disks[0])
	}
	j.s.mu.Unlock()
	if !wanted || !running {
		return "", nil
	}
	var made []string
	vol, err := j.alloc(store, v.ID, 2*v.memory()+500<<20, "raw", fmt.Sprintf("vm-%d-state-%s", v.ID, snapshot), &made)
	if err != nil {
		return "", err
	}
	return vol.ID, nil
}

func (s *Server) freeState(id string) error {
	if id == "" {
		return nil
	}
	return s.freeVolume(id)
}

// canTake checks, and takes the configuration's own lock.
func (s *Server) canTake(v *vm, name string) error {
	if err := v.unlocked(); err != nil {
		return err
	}
	if v.template() {
		return fmt.Errorf("you can't take a snapshot if it's a template")
	}
	if v.Snapshots[name] != nil {
		return fmt.Errorf("snapshot name '%s' already used", name)
	}
	for _, id := range v.volumes() {
		if vol := s.st.Volumes[id]; vol == nil || !s.canSnapshot(vol) {
			return fmt.Errorf("snapshot feature is not available")
		}
	}
	v.Config["lock"] = "snapshot"
	return nil
}

func (s *Server) deleteSnapshot(r *request) (any, error) {
	v, _, err := s.theSnapshot(r)
	if err != nil {
		return nil, err
	}
	name := r.text("snapname")
	return r.start("qmdelsnapshot", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		if err := j.with(v.unlocked); err != nil {
			return err
		}
		if err := j.step("snapshot", s.o.Timing.Snapshot); err != nil {
			return err
		}
		return j.with(func() error { return s.dropSnapshot(v, name) })
	})
}

func (s *Server) dropSnapshot(v *vm, name string) error {
	sn := v.Snapshots[name]
	if sn == nil {
		return fmt.Errorf("snapshot '%s' does not exist", name)
	}
	for _, other := range v.Snapshots {
		if other.Parent == name {
			other.Parent = sn.Parent
		}
	}
	if v.Parent == name {
		v.Parent = sn.Parent
	}
	for _, vol := range s.st.Volumes {
		if vol.VMID == v.ID {
			vol.Snaps = slices.DeleteFunc(vol.Snaps, func(n string) bool { return n == name })
		}
	}
	delete(v.Snapshots, name)
	return s.freeState(sn.VMState)
}

func (s *Server) rollback(r *request) (any, error) {
	v, _, err := s.theSnapshot(r)
	if err != nil {
		return nil, err
	}
	name, start := r.text("snapname"), r.bool("start", false)
	if start {
		if err := s.needVM(r.user, v.ID, "", "VM.PowerMgmt"); err != nil {
			return nil, err
		}
	}
	return r.start("qmrollback", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		if err := j.with(func() error { return s.canRollback(v, name) }); err != nil {
			return err
		}
		if err := j.stopVM(v); err != nil {
			return err
		}
		if err := j.step("rollback", s.o.Timing.Snapshot); err != nil {
			return err
		}
		ram := false
		err := j.with(func() error {
			ram = v.Snapshots[name].VMState != ""
			v.Config = maps.Clone(v.Snapshots[name].Config)
			v.Parent = name
			v.regenerate()
			return nil
		})
		switch {
		case err != nil:
			return err
		case ram: // the guest goes on where it was
			return j.startVM(v)
		case !start:
			return nil
		}
		// The start is a task of its own: this one ends before it, and well also when the start fails.
		return j.with(func() error {
			_, err := r.startTask(v)
			return err
		})
	})
}

// canRollback: ZFS goes back to its newest snapshot only.
func (s *Server) canRollback(v *vm, name string) error {
	if err := v.unlocked(); err != nil {
		return err
	}
	if v.Snapshots[name] == nil {
		return fmt.Errorf("snapshot '%s' does not exist", name)
	}
	for _, id := range v.volumes() {
		vol := s.st.Volumes[id]
		if vol == nil || s.st.Storages[vol.Store].Type != "zfspool" || len(vol.Snaps) == 0 {
			continue
		}
		if vol.Snaps[len(vol.Snaps)-1] != name {
			return fmt.Errorf("can't rollback, '%s' is not most recent snapshot on '%s'", name, id)
		}
	}
	return nil
}
