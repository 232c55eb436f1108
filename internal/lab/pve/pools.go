package pve

import (
	"maps"
	"slices"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (s *Server) listPools(r *request) (any, error) {
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(s.st.Pools)) {
		if s.need(r.user, "/pool/"+id, "Pool.Audit") != nil || r.p.Has("poolid") && r.text("poolid") != id {
			continue
		}
		m := map[string]any{"poolid": id, "comment": s.st.Pools[id].Comment}
		if r.p.Has("poolid") {
			m["members"] = s.members(s.st.Pools[id], r.text("type"))
		}
		all = append(all, m)
	}
	if r.p.Has("poolid") && len(all) == 0 {
		return nil, die("pool '%s' does not exist", r.text("poolid"))
	}
	return all, nil
}

func (s *Server) members(p *pool, kind string) []map[string]any {
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(p.VMs)) {
		if v := s.st.VMs[id]; v != nil && (kind == "" || kind == "qemu") {
			all = append(all, s.resource(v))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Storage)) {
		if kind == "" || kind == "storage" {
			all = append(all, map[string]any{"id": "storage/" + s.o.Node + "/" + id, "type": "storage", "storage": id, "node": s.o.Node})
		}
	}
	return all
}

func (s *Server) thePool(r *request) (*pool, error) {
	if p := s.st.Pools[r.text("poolid")]; p != nil {
		return p, nil
	}
	return nil, die("pool '%s' does not exist", r.text("poolid"))
}

func (s *Server) readPool(r *request) (any, error) {
	p, err := s.thePool(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"comment": p.Comment, "members": s.members(p, r.text("type"))}, nil
}

func (s *Server) createPool(r *request) (any, error) {
	if s.st.Pools[r.text("poolid")] != nil {
		return nil, die("create pool failed: pool '%s' already exists", r.text("poolid"))
	}
	s.st.Pools[r.text("poolid")] = &pool{Comment: r.text("comment"), VMs: map[int]bool{}, Storage: map[string]bool{}}
	return nil, nil
}

func (s *Server) updatePool(r *request) (any, error) {
	p, err := s.thePool(r)
	if err != nil {
		return nil, err
	}
	if r.p.Has("comment") {
		p.Comment = r.text("comment")
	}
	for _, id := range schema.List(r.text("vms")) {
		if err := s.need(r.user, "/vms/"+id, "VM.Allocate"); err != nil {
			return nil, err
		}
		if err := s.member(r, p, atoi(id)); err != nil {
			return nil, err
		}
	}
	for _, id := range schema.List(r.text("storage")) {
		if err := s.need(r.user, "/storage/"+id, "Datastore.Allocate"); err != nil {
			return nil, err
		}
		if p.Storage[id] = true; r.bool("delete", false) {
			delete(p.Storage, id)
		}
	}
	return nil, nil
}

func (s *Server) member(r *request, p *pool, id int) error {
	if r.bool("delete", false) {
		delete(p.VMs, id)
		return nil
	}
	for name, other := range s.st.Pools {
		if other != p && other.VMs[id] && !r.bool("allow-move", false) {
			return die("update pools failed: VM %d belongs already to pool '%s' and 'allow-move' is not set", id, name)
		}
		delete(other.VMs, id)
	}
	if s.st.VMs[id] == nil {
		return die("update pools failed: VM %d does not exist", id)
	}
	p.VMs[id] = true
	return nil
}

func (s *Server) deletePool(r *request) (any, error) {
	p, err := s.thePool(r)
	if err != nil {
		return nil, err
	}
	if len(s.members(p, "")) > 0 {
		return nil, die("delete pool failed: pool '%s' is not empty", r.text("poolid"))
	}
	delete(s.st.Pools, r.text("poolid"))
	return nil, nil
}
