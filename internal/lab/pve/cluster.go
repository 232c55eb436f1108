package pve

import (
	"fmt"
	"slices"
	"strconv"
)

func (s *Server) version(*request) (any, error) {
	return map[string]any{"version": "9.0.11", "release": "9.0", "repoid": "3bf5476b8a4699e2"}, nil
}

func (s *Server) clusterIndex(*request) (any, error) {
	return index("nextid", "resources", "status", "tasks"), nil
}

// nextID answers with the lowest free number, or says whether the one that was asked for is free.
func (s *Server) nextID(r *request) (any, error) {
	if r.p.Has("vmid") {
		if s.inUse(r.vmid()) != nil {
			return nil, wrongParam("vmid", "VM %d already exists", r.vmid())
		}
		return strconv.Itoa(r.vmid()), nil
	}
	id := 100
	for s.inUse(id) != nil {
		id++
	}
	return strconv.Itoa(id), nil
}

func (s *Server) resources(r *request) (any, error) {
	all := []map[string]any{}
	want := r.text("type")
	if want == "" || want == "vm" {
		for _, id := range s.vmIDs() {
			if s.need(r.user, vmPath(id), "VM.Audit") == nil {
				all = append(all, s.resource(s.st.VMs[id]))
			}
		}
		all = append(all, s.otherResources(r)...)
	}
	if want == "" || want == "node" {
		m := map[string]any{"id": "node/" + s.o.Node, "type": "node", "node": s.o.Node, "status": "online"}
		if s.need(r.user, "/nodes/"+s.o.Node, "Sys.Audit") == nil {
			m["maxcpu"], m["maxmem"], m["level"] = nodeCPUs, int64(nodeMemory), ""
		}
		all = append(all, m)
	}
	if want == "" || want == "storage" {
		for _, id := range s.storageIDs() {
			if !s.seesStorage(r, id) {
				continue
			}
			st := s.status(s.st.Storages[id])
			all = append(all, map[string]any{"id": fmt.Sprintf("storage/%s/%s", s.o.Node, id), "type": "storage", "storage": id, "node": s.o.Node,
				"status": "available", "plugintype": st["type"], "content": st["content"], "shared": 0, "disk": st["used"], "maxdisk": st["total"]})
		}
	}
	return all, nil
}

func (s *Server) resource(v *vm) map[string]any {
	m := s.state(v)
	m["id"], m["type"], m["node"], m["maxcpu"] = fmt.Sprintf("qemu/%d", v.ID), "qemu", s.o.Node, m["cpus"]
	delete(m, "cpus")
	delete(m, "pid")
	m["template"] = b2i(v.template())
	for name, p := range s.st.Pools {
		if p.VMs[v.ID] {
			m["pool"] = name
		}
	}
	return m
}

func (s *Server) clusterStatus(*request) (any, error) {
	return []map[string]any{{"id": "node/" + s.o.Node, "type": "node", "name": s.o.Node, "ip": "127.0.0.1", "local": 1, "online": 1, "nodeid": 0, "level": ""}}, nil
}

const (
	nodeCPUs   = 16
	nodeMemory = 64 * gib
)

func (s *Server) nodes(r *request) (any, error) {
	m := map[string]any{"node": s.o.Node, "type": "node", "id": "node/" + s.o.Node, "status": "online"}
	if s.need(r.user, "/nodes/"+s.o.Node, "Sys.Audit") == nil {
		m["maxcpu"], m["maxmem"], m["mem"], m["uptime"], m["level"] = nodeCPUs, int64(nodeMemory), s.memory(), 100000, ""
	}
	return []map[string]any{m}, nil
}

// memory is what the running VMs take.
func (s *Server) memory() int64 {
	var n int64
	for _, v := range s.st.VMs {
		if v.Run != nil {
			n += v.memory()
		}
	}
	return n
}

func (s *Server) nodeIndex(*request) (any, error) {
	return index("qemu", "storage", "tasks", "status", "network", "version", "query-url-metadata"), nil
}

func (s *Server) nodeStatus(*request) (any, error) {
	return map[string]any{
		"pveversion": "pve-manager/9.0.11/3bf5476b8a4699e2", "kversion": "Linux 6.14.11-4-pve", "uptime": 100000, "loadavg": []string{"0.10", "0.10", "0.10"},
		"cpu": 0.05, "wait": 0, "idle": 0, "memory": map[string]int64{"total": nodeMemory, "used": s.memory(), "free": nodeMemory - s.memory()},
		"cpuinfo": map[string]any{"cpus": nodeCPUs, "cores": nodeCPUs / 2, "sockets": 1, "model": "simulated", "mhz": "3000.000", "hvm": "1", "flags": "", "user_hz": 100},
		"rootfs":  map[string]int64{"total": 100 * gib, "used": 10 * gib, "free": 90 * gib, "avail": 90 * gib},
		"swap":    map[string]int64{"total": 0, "used": 0, "free": 0},
	}, nil
}

// network lists the bridges that there are: a lab's bridges are made by waddled, not by Proxmox.
func (s *Server) network(r *request) (any, error) {
	if t := r.text("type"); t != "" && t != "bridge" && t != "any_bridge" && t != "any_local_bridge" {
		return []any{}, nil
	}
	var bridges []string
	err := r.unlocked(func() (err error) {
		bridges, err = s.o.Plugger.Bridges(r.ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(bridges)
	all := []map[string]any{}
	for _, b := range bridges {
		if s.needAny(r.user, "/sdn/zones/localnetwork/"+b, "SDN.Audit", "SDN.Use") == nil || s.need(r.user, "/nodes/"+s.o.Node, "Sys.Audit") == nil {
			all = append(all, map[string]any{"iface": b, "type": "bridge", "active": 1, "autostart": 1, "method": "manual", "method6": "manual"})
		}
	}
	return all, nil
}
