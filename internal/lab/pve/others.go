package pve

import (
	"fmt"
	"maps"
	"slices"
)

// Other is a guest of the cluster that this node has no VM of: a container, or a VM on another node. It takes
// a number and is listed, and that is all.
type Other struct {
	ID   int    `json:"id"`
	Type string `json:"type"` // lxc or qemu
	Node string `json:"node"`
	Name string `json:"name"`
}

// PutOther makes a guest beside the node's VMs, in place of the VM with its number if there is one: as after a
// migration, or when somebody has used a number again.
func (s *Server) PutOther(o Other) error {
	return s.with(func() error {
		delete(s.st.VMs, o.ID)
		if s.st.Others == nil {
			s.st.Others = map[int]Other{}
		}
		s.st.Others[o.ID] = o
		return nil
	})
}

// inUse says what has a number, as Proxmox does when another is to have it. Server.mu is held.
func (s *Server) inUse(id int) error {
	kind, node := "VM", s.o.Node
	if o, there := s.st.Others[id]; there {
		if node = o.Node; o.Type == "lxc" {
			kind = "CT"
		}
	} else if s.st.VMs[id] == nil {
		return nil
	}
	return fmt.Errorf("%s %d already exists on node '%s'", kind, id, node)
}

func (s *Server) otherResources(r *request) []map[string]any {
	var all []map[string]any
	for _, id := range slices.Sorted(maps.Keys(s.st.Others)) {
		o := s.st.Others[id]
		if s.need(r.user, vmPath(id), "VM.Audit") == nil {
			all = append(all, map[string]any{"id": fmt.Sprintf("%s/%d", o.Type, id), "vmid": id, "type": o.Type, "node": o.Node, "name": o.Name, "status": "running", "maxcpu": 1, "maxmem": 512 << 20, "template": 0})
		}
	}
	return all
}
