package pve

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (st *Storage) show() map[string]any {
	m := map[string]any{"storage": st.ID, "type": st.Type, "content": strings.Join(st.Content, ","), "digest": digest(map[string]string{"id": st.ID, "content": strings.Join(st.Content, ",")})}
	if st.Type == "dir" {
		m["path"] = st.Path
	} else {
		m["pool"] = st.Pool
	}
	if st.Disabled {
		m["disable"] = 1
	}
	return m
}

func (s *Server) storageIDs() []string { return slices.Sorted(maps.Keys(s.st.Storages)) }

func (s *Server) seesStorage(r *request, id string) bool {
	return s.needAny(r.user, "/storage/"+id, "Datastore.Audit", "Datastore.AllocateSpace") == nil
}

func (s *Server) storageConfigs(r *request) (any, error) {
	all := []map[string]any{}
	for _, id := range s.storageIDs() {
		st := s.st.Storages[id]
		if s.seesStorage(r, id) && (!r.p.Has("type") || r.text("type") == st.Type) {
			all = append(all, st.show())
		}
	}
	return all, nil
}

func (s *Server) storageConfig(r *request) (any, error) {
	st := s.st.Storages[r.text("storage")]
	if st == nil {
		return nil, die("storage '%s' does not exist", r.text("storage"))
	}
	return st.show(), nil
}

func (s *Server) storageUpdate(r *request) (any, error) {
	st := s.st.Storages[r.text("storage")]
	if st == nil {
		return nil, die("update storage failed: storage '%s' does not exist", r.text("storage"))
	}
	if r.p.Has("content") {
		types := slices.Compact(slices.Sorted(slices.Values(schema.List(r.text("content")))))
		for _, c := range types {
			if st.Type == "zfspool" && c != "images" && c != "rootdir" && c != "none" {
				return nil, die("update storage failed: storage does not support content type '%s'", c)
			}
		}
		st.Content = types
	}
	if r.p.Has("disable") {
		st.Disabled = r.bool("disable", false)
	}
	return map[string]string{"storage": st.ID, "type": st.Type}, nil
}

func (s *Server) status(st *Storage) map[string]any {
	used := s.used(st)
	if s.diskFull(st.ID) {
		used = st.Capacity
	}
	return map[string]any{
		"type": st.Type, "content": strings.Join(st.Content, ","), "enabled": b2i(!st.Disabled), "active": b2i(!st.Disabled), "shared": 0,
		"total": st.Capacity, "used": min(used, st.Capacity), "avail": max(0, st.Capacity-used),
	}
}

func (s *Server) nodeStorages(r *request) (any, error) {
	all := []map[string]any{}
	wanted := schema.List(r.text("content"))
	for _, id := range s.storageIDs() {
		st := s.st.Storages[id]
		fits := len(wanted) == 0 || slices.ContainsFunc(wanted, st.has)
		if !s.seesStorage(r, id) || !fits || r.p.Has("storage") && r.text("storage") != id || r.bool("enabled", false) && st.Disabled {
			continue
		}
		m := s.status(st)
		m["storage"], m["used_fraction"] = id, float64(s.used(st))/float64(max(1, st.Capacity))
		all = append(all, m)
	}
	return all, nil
}

func (s *Server) storageIndex(*request) (any, error) {
	return index("content", "download-url", "status", "upload"), nil
}

func (s *Server) storageStatus(r *request) (any, error) {
	st := s.st.Storages[r.text("storage")]
	if st == nil {
		return nil, wrongParam("storage", "No such storage.")
	}
	return s.status(st), nil
}

func (s *Server) content(r *request) (any, error) {
	st, err := s.storage(r.text("storage"))
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	want := r.text("content")
	for _, f := range st.files("") {
		if st.has(f.content) && (want == "" || want == f.content) && !r.p.Has("vmid") {
			format := strings.TrimPrefix(path.Ext(f.name), ".")
			all = append(all, map[string]any{"volid": fmt.Sprintf("%s:%s/%s", st.ID, f.content, f.name), "content": f.content, "format": format, "size": f.size, "ctime": f.made})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.st.Volumes)) {
		v := s.st.Volumes[id]
		mine := !r.p.Has("vmid") || v.VMID == r.vmid()
		if v.Store == st.ID && (want == "" || want == "images") && mine && s.mayTouch(r.user, 0, id) == nil {
			m := map[string]any{"volid": id, "content": "images", "format": v.Format, "size": v.Size, "vmid": v.VMID, "ctime": v.Made}
			if v.Base != "" {
				m["parent"] = v.Base
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// mayTouch is Proxmox's check of access to a volume for a VM.
func (s *Server) mayTouch(who string, vmid int, volid string) error {
	if strings.HasPrefix(volid, "/") {
		if who != "root@pam" {
			return die("Only root can pass arbitrary filesystem paths.")
		}
		return nil
	}
	store, name := splitVolid(volid)
	if s.need(who, "/storage/"+store, "Datastore.Allocate") == nil {
		return nil
	}
	v := s.st.Volumes[volid]
	switch k := kind(name); {
	case k == "iso" || k == "vztmpl" || k == "import":
		return s.needAny(who, "/storage/"+store, "Datastore.AllocateSpace", "Datastore.Audit")
	case v != nil && v.VMID == vmid:
		return nil
	case v != nil:
		if err := s.need(who, "/storage/"+store, "Datastore.Audit"); err != nil {
			return err
		}
		return s.need(who, vmPath(v.VMID), "VM.Config.Disk")
	}
	return die("missing privileges to access %s", volid)
}
