package pve

import (
	"fmt"
	"strconv"
)

// move copies a disk to another storage and makes the VM use the copy.
func (s *Server) move(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	opt, store, remove := r.text("disk"), r.text("storage"), r.bool("delete", false)
	vol, err := s.canMove(r, v, opt, store)
	if err != nil {
		return nil, err
	}
	format := r.text("format")
	return r.start("qmmove", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		var made []string
		if err := j.moveDisk(v, opt, vol, store, format, remove, &made); err != nil {
			j.drop(made)
			return fmt.Errorf("storage migration failed: %w", err)
		}
		return nil
	})
}

func (s *Server) canMove(r *request, v *vm, opt, store string) (*volume, error) {
	if r.p.Has("target-vmid") || r.p.Has("target-disk") {
		return nil, wrongParam("target-vmid", "the simulator does not move disks to other VMs")
	}
	if store == "" {
		return nil, wrongParam("storage", "parameter is required")
	}
	if err := s.need(r.user, "/storage/"+store, "Datastore.AllocateSpace"); err != nil {
		return nil, err
	}
	if err := v.unlocked(); err != nil {
		return nil, err
	}
	if d := r.text("digest"); d != "" && d != v.digest() {
		return nil, die("checksum mismatch (file change by other user?)")
	}
	st, err := s.storage(store)
	switch {
	case v.Config[opt] == "" || !isDrive(opt):
		return nil, die("disk '%s' does not exist", opt)
	case err != nil:
		return nil, err
	case !st.has("images"):
		return nil, wrongParam("storage", "storage '%s' does not support vm images", store)
	}
	d := mustDrive(opt, v.Config[opt])
	vol := s.st.Volumes[d["file"]]
	switch {
	case d.cdrom():
		return nil, die("you can't move a cdrom")
	case vol == nil:
		return nil, die("disk '%s' has no associated volume", opt)
	case vol.Store == store && (r.text("format") == "" || r.text("format") == vol.Format):
		return nil, die("you can't move to the same storage with same format")
	}
	return vol, nil
}

func (j *job) moveDisk(v *vm, opt string, vol *volume, store, format string, remove bool, made *[]string) error {
	copied, err := j.alloc(store, v.ID, vol.Size, format, "", made)
	if err != nil {
		return err
	}
	if err := j.step("copy", j.copying(vol.Size)); err != nil {
		return err
	}
	return j.with(func() error {
		copied.Image = vol.Image
		d := mustDrive(opt, v.Config[opt])
		old := drive{"file": d["file"]}
		d.hold(copied)
		v.Config[opt] = d.print(opt)
		if remove {
			return j.s.freeVolume(vol.ID)
		}
		v.unused(old, j.s)
		return nil
	})
}
