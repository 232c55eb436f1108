package pve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// copying is how long it takes to copy so many bytes.
func (j *job) copying(size int64) time.Duration {
	return time.Duration(float64(j.s.o.Timing.CopyPerGiB) * float64(size) / gib)
}

// resize enlarges a disk. Everything that is wrong is said at once; the growing is a task.
func (s *Server) resize(r *request) (any, error) {
	if err := r.rootOnly("skiplock"); err != nil {
		return nil, err
	}
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	opt := r.text("disk")
	want, err := s.canResize(r, v, opt)
	if err != nil {
		return nil, err
	}
	return r.start("resize", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		if err := j.step("resize", j.s.o.Timing.Allocate); err != nil {
			return err
		}
		return j.with(func() error { return s.grow(v, opt, want) })
	})
}

func (s *Server) canResize(r *request, v *vm, opt string) (int64, error) {
	if d := r.text("digest"); d != "" && d != v.digest() {
		return 0, die("checksum mismatch (file change by other user?)")
	}
	if !r.bool("skiplock", false) {
		if err := v.unlocked(); err != nil {
			return 0, err
		}
	}
	if v.Config[opt] == "" {
		return 0, die("disk '%s' does not exist", opt)
	}
	d := mustDrive(opt, v.Config[opt])
	if d["media"] == "cdrom" || d["file"] == "none" {
		return 0, die("you can't resize a cdrom")
	}
	vol := s.st.Volumes[d["file"]]
	if vol == nil {
		return 0, die("Could not determine current size of volume '%s'", d["file"])
	}
	if err := s.need(r.user, "/storage/"+vol.Store, "Datastore.AllocateSpace"); err != nil {
		return 0, err
	}
	text, relative := strings.CutPrefix(r.text("size"), "+")
	want := parseSize(text)
	if relative {
		want += vol.Size
	}
	if want < vol.Size {
		return 0, die("shrinking disks is not supported")
	}
	return want, nil
}

func (s *Server) grow(v *vm, opt string, want int64) error {
	d := mustDrive(opt, v.Config[opt])
	vol := s.st.Volumes[d["file"]]
	if vol == nil || want == vol.Size {
		return nil
	}
	st, err := s.storage(vol.Store)
	if err != nil {
		return err
	}
	if want-vol.Size > s.free(st) {
		_, name := splitVolid(vol.ID)
		if st.Type == "zfspool" {
			return fmt.Errorf("zfs error: cannot set property for '%s/%s': size is greater than available space", st.Pool, name)
		}
		return fmt.Errorf("VM %d qmp command 'block_resize' failed - No space left on device", v.ID)
	}
	vol.Size = want
	d["size"] = formatSize(want)
	v.Config[opt] = d.print(opt)
	return nil
}

// unlink is config's delete for disks.
func (s *Server) unlink(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	c := change{drop: schema.List(r.text("idlist")), force: r.bool("force", false)}
	for _, opt := range c.drop {
		if !isDrive(opt) && !strings.HasPrefix(opt, "unused") {
			return nil, wrongParam("idlist", "unknown disk '%s'", opt)
		}
	}
	if err := s.early(r, v, c); err != nil {
		return nil, err
	}
	return nil, r.now("config", func(j *job) error { return j.change(r, c) })
}

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

// makeTemplate turns a VM into a template: its disks become bases, and it never starts again.
func (s *Server) makeTemplate(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	if err := v.unlocked(); err != nil {
		return nil, err
	}
	switch {
	case len(v.Snapshots) > 0:
		return nil, die("unable to create template, because VM contains snapshots")
	case v.template() && !r.p.Has("disk"):
		return nil, die("you can't convert a template to a template")
	case v.Run != nil:
		return nil, die("you can't convert a VM to template if VM is running")
	}
	return r.start("qmtemplate", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.lockVM(v.ID); err != nil {
			return err
		}
		if err := j.step("template", 0); err != nil {
			return err
		}
		return j.with(func() error {
			s.toBase(v)
			v.Config["template"] = "1"
			return nil
		})
	})
}

func (s *Server) toBase(v *vm) {
	for _, opt := range drives(v.Config) {
		d := mustDrive(opt, v.Config[opt])
		vol := s.st.Volumes[d["file"]]
		if !d.disk() || vol == nil || !s.canSnapshot(vol) {
			continue
		}
		store, name := splitVolid(vol.ID)
		at := strings.LastIndex(name, "vm-")
		if at < 0 {
			continue
		}
		s.rename(vol, store+":"+name[:at]+"base-"+name[at+3:])
		d["file"] = vol.ID
		v.Config[opt] = d.print(opt)
	}
}

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
		if err := j.with(func() error { return j.s.freeVolume(id) }); err != nil {
			j.logf("Could not remove disk '%s', check manually: %s", id, err)
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
