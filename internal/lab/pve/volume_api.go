package pve

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// theVolume finds the file or disk that a call names.
func (s *Server) theVolume(r *request) (id string, st *Storage, err error) {
	id = r.text("volume")
	if !strings.Contains(id, ":") {
		id = r.text("storage") + ":" + id
	}
	store, _ := splitVolid(id)
	if r.p.Has("storage") && store != r.text("storage") {
		return "", nil, wrongParam("volume", "storage ID mismatch (%s != %s)\n", store, r.text("storage"))
	}
	if st, err = s.storage(store); err != nil {
		return "", nil, err
	}
	return id, st, s.mayTouch(r.user, 0, id)
}

func (s *Server) volumeInfo(r *request) (any, error) {
	id, st, err := s.theVolume(r)
	if err != nil {
		return nil, err
	}
	if v := s.st.Volumes[id]; v != nil {
		return map[string]any{"path": "/dev/zvol/" + path.Join(st.Pool, strings.TrimPrefix(id, st.ID+":")), "size": v.Size, "used": v.Size, "format": v.Format}, nil
	}
	_, name := splitVolid(id)
	real, shown := st.file(kind(name), path.Base(name))
	info, err := os.Stat(real)
	if err != nil || kind(name) == "images" {
		return nil, die("volume_size_info on '%s' failed - no format", id)
	}
	return map[string]any{"path": shown, "size": info.Size(), "used": info.Size(), "format": strings.TrimPrefix(path.Ext(name), ".")}, nil
}

func (s *Server) volumeDelete(r *request) (any, error) {
	id, st, err := s.theVolume(r)
	if err != nil {
		return nil, err
	}
	if err := s.need(r.user, "/storage/"+st.ID, "Datastore.Allocate"); err != nil {
		return nil, err
	}
	return r.start("imgdel", s.ownerOf(id), func(j *job) error {
		unlock, err := j.lockStorage(st.ID)
		if err != nil {
			return err
		}
		defer unlock()
		if err := j.step("destroy", s.o.Timing.Destroy); err != nil {
			return err
		}
		if err := j.with(func() error { return s.remove(st, id) }); err != nil {
			return err
		}
		j.logf("Removed volume '%s'", id)
		return nil
	})
}

// ownerOf is the number of the VM that a disk belongs to, "" for a file.
func (s *Server) ownerOf(id string) string {
	if v := s.st.Volumes[id]; v != nil {
		return fmt.Sprint(v.VMID)
	}
	return ""
}

func (s *Server) remove(st *Storage, id string) error {
	_, name := splitVolid(id)
	if k := kind(name); k != "images" {
		real, shown := st.file(k, path.Base(name))
		if err := os.Remove(real); err != nil {
			return fmt.Errorf("unlink '%s' failed - No such file or directory", shown)
		}
		return nil
	}
	if s.st.Volumes[id] == nil {
		return fmt.Errorf("no such volume '%s'", id)
	}
	return s.freeVolume(id)
}

// allocate makes an empty disk that no VM uses yet.
func (s *Server) allocate(r *request) (any, error) {
	st, err := s.storage(r.text("storage"))
	if err != nil {
		return nil, err
	}
	size := parseSize(r.text("size"))
	if !strings.ContainsAny(r.text("size"), "MG") {
		size <<= 10
	}
	name := strings.TrimSuffix(r.text("filename"), path.Ext(r.text("filename")))
	if !strings.HasPrefix(name, fmt.Sprintf("vm-%d-", r.vmid())) {
		return nil, die("illegal name '%s' - should be 'vm-%d-*'", r.text("filename"), r.vmid())
	}
	v, err := s.newVolume(st, r.vmid(), size, r.text("format"), name)
	if err != nil {
		return nil, err
	}
	return v.ID, nil
}
