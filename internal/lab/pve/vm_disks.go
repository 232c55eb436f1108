package pve

import (
	"fmt"
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
