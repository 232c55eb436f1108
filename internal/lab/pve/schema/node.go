package schema

var (
	upid  = Params{"upid": str()}
	paged = Params{"limit": integer().min(0).opt(), "start": integer().min(0).opt()}
)

var node = []Endpoint{
	get("/nodes", Everyone{}),
	get("/nodes/{node}", Everyone{}, onNode),
	get("/nodes/{node}/version", Everyone{}, onNode),
	get("/nodes/{node}/status", perm("/nodes/{node}", "Sys.Audit"), onNode),
	get("/nodes/{node}/network", Everyone{}, onNode, Params{
		"type": str().of("bridge", "bond", "eth", "alias", "vlan", "fabric", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "vnet", "any_bridge", "any_local_bridge", "include_sdn").opt(),
	}),
	get("/nodes/{node}/tasks", Everyone{}, onNode, paged, Params{
		"errors":       boolean().opt(),
		"since":        integer().opt(),
		"source":       str().of("archive", "active", "all").opt(),
		"statusfilter": formatted("pve-task-status-type-list").opt(),
		"typefilter":   str().opt(),
		"until":        integer().opt(),
		"userfilter":   str().opt(),
		"vmid":         vmid.opt(),
	}),
	get("/nodes/{node}/tasks/{upid}", Everyone{}, onNode, upid),
	del("/nodes/{node}/tasks/{upid}", Everyone{}, onNode, upid),
	get("/nodes/{node}/tasks/{upid}/log", Everyone{}, onNode, upid, paged, Params{"download": boolean().opt()}),
	get("/nodes/{node}/tasks/{upid}/status", Everyone{}, onNode, upid),
}
