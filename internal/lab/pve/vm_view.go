package pve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// readConfig answers with the configuration as it will be at the next start, or, with current, as
// it is now.
func (s *Server) readConfig(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	config := maps.Clone(v.Config)
	if name := r.text("snapshot"); name != "" {
		sn := v.Snapshots[name]
		if sn == nil {
			return nil, die("snapshot '%s' does not exist", name)
		}
		config = maps.Clone(sn.Config)
	} else if !r.bool("current", false) {
		maps.Copy(config, v.Pending)
		for opt := range v.Dropped {
			delete(config, opt)
		}
	}
	if config["cipassword"] != "" {
		config["cipassword"] = "**********"
	}
	m := typed(config)
	m["digest"] = v.digest()
	if v.Parent != "" {
		m["parent"] = v.Parent
	}
	return m, nil
}

func (s *Server) pending(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	keys := maps.Clone(v.Config)
	maps.Copy(keys, v.Pending)
	all := []map[string]any{}
	for _, opt := range slices.Sorted(maps.Keys(keys)) {
		m := map[string]any{"key": opt}
		if value, ok := v.Config[opt]; ok {
			m["value"] = typedValue(opt, value)
		}
		if value, ok := v.Pending[opt]; ok {
			m["pending"] = typedValue(opt, value)
		}
		if v.Dropped[opt] {
			m["delete"] = 1
		}
		if opt == "cipassword" {
			m["value"] = "**********"
		}
		all = append(all, m)
	}
	return append(all, map[string]any{"key": "digest", "value": v.digest()}), nil
}

func (s *Server) vmIndex(r *request) (any, error) {
	if _, err := r.vm(); err != nil {
		return nil, err
	}
	return index("config", "pending", "status", "snapshot", "agent", "clone", "resize", "move_disk", "unlink", "template", "cloudinit", "feature"), nil
}

// feature tells whether a VM's disks can be snapshotted, cloned or copied.
func (s *Server) feature(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	has := true
	for _, id := range v.volumes() {
		vol := s.st.Volumes[id]
		if vol == nil {
			has = false
			continue
		}
		switch r.text("feature") {
		case "snapshot":
			has = has && s.canSnapshot(vol)
		case "clone":
			has = has && s.canLink(vol)
		}
	}
	return map[string]any{"hasFeature": b2i(has), "nodes": []string{s.o.Node}}, nil
}

// volumes are those that the drives name, without CDs and the cloud-init drive.
func (v *vm) volumes() []string {
	var all []string
	for _, opt := range drives(v.Config) {
		if d := mustDrive(opt, v.Config[opt]); d.disk() && !strings.HasPrefix(d["file"], "/") {
			all = append(all, d["file"])
		}
	}
	return all
}

func (s *Server) canSnapshot(v *volume) bool {
	st := s.st.Storages[v.Store]
	return st != nil && (st.Type == "zfspool" || v.Format == "qcow2")
}

// canLink: a linked clone wants the disk of a template that can be snapshotted.
func (s *Server) canLink(v *volume) bool {
	_, name := splitVolid(v.ID)
	return s.canSnapshot(v) && strings.Contains(name, "base-")
}

// console hands out what a viewer would connect with. Nothing listens on the port.
func (s *Server) console(kind string) handler {
	return func(r *request) (any, error) {
		if _, err := r.vm(); err != nil {
			return nil, err
		}
		upid, err := r.start(kind, fmt.Sprint(r.vmid()), func(j *job) error { return j.step("connect", 0) })
		if err != nil {
			return nil, err
		}
		m := map[string]any{"user": r.user, "ticket": s.ticket(owner(r.user)), "port": "5900", "upid": upid}
		if kind == "vncproxy" {
			m["cert"] = ""
			if r.bool("generate-password", false) {
				m["password"] = fmt.Sprintf("%x", random(4))
			}
		}
		return m, nil
	}
}
