package pve

import (
	"strconv"
	"strings"
)

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
