package pve

import "fmt"

func (j *job) cloneDisks(c cloneCall, config map[string]string, made *[]string) (map[string]string, error) {
	out := map[string]string{}
	for _, opt := range drives(config) {
		d := mustDrive(opt, config[opt])
		j.s.mu.Lock()
		vol := j.s.st.Volumes[d["file"]]
		j.s.mu.Unlock()
		var err error
		switch {
		case vol == nil:
		case d.cloudinit():
			var v *volume
			if v, err = j.alloc(or(c.store, vol.Store), c.newid, cloudinitSize, "", fmt.Sprintf("vm-%d-cloudinit", c.newid), made); err == nil {
				d["file"] = v.ID
			}
		case c.full:
			err = j.copyDisk(opt, d, vol, c, made)
		default:
			err = j.linkDisk(opt, d, vol, c, made)
		}
		if err != nil {
			return nil, err
		}
		out[opt] = d.print(opt)
	}
	return out, nil
}

// copyDisk holds the storage's lock until the copy is done.
func (j *job) copyDisk(opt string, d drive, from *volume, c cloneCall, made *[]string) error {
	store := or(c.store, from.Store)
	j.logf("create full clone of drive %s (%s)", opt, from.ID)
	unlock, err := j.lockStorage(store)
	if err != nil {
		return err
	}
	defer unlock()
	if err := j.step("allocate", j.s.o.Timing.Allocate); err != nil {
		return err
	}
	var v *volume
	err = j.with(func() error {
		st, err := j.s.storage(store)
		if err != nil {
			return err
		}
		if v, err = j.s.newVolume(st, c.newid, from.Size, or(c.format, from.Format), ""); err == nil {
			*made = append(*made, v.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := j.step("copy", j.copying(from.Size)); err != nil {
		return err
	}
	j.logf("transferred %s of %s (100.00%%)", formatSize(from.Size), formatSize(from.Size))
	d.hold(v)
	return j.with(func() error { v.Image = from.Image; return nil })
}

func (j *job) linkDisk(opt string, d drive, base *volume, c cloneCall, made *[]string) error {
	j.logf("create linked clone of drive %s (%s)", opt, base.ID)
	unlock, err := j.lockStorage(base.Store)
	if err != nil {
		return err
	}
	defer unlock()
	if err := j.step("allocate", j.s.o.Timing.Allocate); err != nil {
		return err
	}
	return j.with(func() error {
		st, err := j.s.storage(base.Store)
		if err != nil {
			return err
		}
		// A linked clone takes no room of its own.
		v, err := j.s.newVolume(st, c.newid, 0, base.Format, "")
		if err != nil {
			return err
		}
		_, name := splitVolid(v.ID)
		j.s.rename(v, base.ID+"/"+name)
		v.Size, v.Base, v.Image = base.Size, base.ID, base.Image
		*made = append(*made, v.ID)
		d.hold(v)
		return nil
	})
}
