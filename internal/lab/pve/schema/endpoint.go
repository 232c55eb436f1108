package schema

import "slices"

// Endpoint is one call of the API.
type Endpoint struct {
	Method, Path string
	Params       Params // also those in the path
	Perm         Check
	Open         bool // parameters that are not listed pass
	NoToken      bool // not with an API token
}

// Key is the call's name: "GET /version".
func (e Endpoint) Key() string { return e.Method + " " + e.Path }

func get(path string, perm Check, ps ...Params) Endpoint {
	return Endpoint{Method: "GET", Path: path, Perm: perm, Params: with(ps...)}
}

func post(path string, perm Check, ps ...Params) Endpoint {
	return Endpoint{Method: "POST", Path: path, Perm: perm, Params: with(ps...)}
}

func put(path string, perm Check, ps ...Params) Endpoint {
	return Endpoint{Method: "PUT", Path: path, Perm: perm, Params: with(ps...)}
}

func del(path string, perm Check, ps ...Params) Endpoint {
	return Endpoint{Method: "DELETE", Path: path, Perm: perm, Params: with(ps...)}
}

// Endpoints are all calls that the simulator answers.
func Endpoints() []Endpoint {
	return slices.Concat(access, cluster, node, storage, guests, power, snapshots, agent)
}

var (
	onNode   = Params{"node": formatted("pve-node")}
	onVM     = Params{"node": formatted("pve-node"), "vmid": vmid}
	vmid     = formattedInt("pve-vmid").min(100).max(999999999)
	onStore  = Params{"node": formatted("pve-node"), "storage": formatted("pve-storage-id")}
	skiplock = Params{"skiplock": boolean().opt()}
)

func formattedInt(f string) Param { return integer().format(f) }
