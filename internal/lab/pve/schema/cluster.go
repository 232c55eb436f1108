package schema

var (
	poolid   = Params{"poolid": formatted("pve-poolid")}
	poolEdit = Params{
		"allow-move": boolean().opt(),
		"comment":    str().opt(),
		"delete":     boolean().opt(),
		"storage":    formatted("pve-storage-id-list").opt(),
		"vms":        formatted("pve-vmid-list").opt(),
	}
	poolAlloc = perm("/pool/{poolid}", "Pool.Allocate")
	poolTypes = str().of("qemu", "lxc", "storage")
)

var cluster = []Endpoint{
	get("/version", Everyone{}),
	get("/cluster", Everyone{}),
	get("/cluster/nextid", Everyone{}, Params{"vmid": vmid.opt()}),
	get("/cluster/resources", Everyone{}, Params{"type": str().of("vm", "storage", "node", "sdn").opt()}),
	get("/cluster/status", perm("/", "Sys.Audit")),
	get("/cluster/tasks", Everyone{}),
	get("/pools", Everyone{}, Params{"poolid": formatted("pve-poolid").opt(), "type": poolTypes.requires("poolid").opt()}),
	post("/pools", poolAlloc, poolid, Params{"comment": str().opt()}),
	put("/pools", poolAlloc, poolid, poolEdit),
	del("/pools", poolAlloc, poolid),
	get("/pools/{poolid}", perm("/pool/{poolid}", "Pool.Audit"), poolid, Params{"type": poolTypes.opt()}),
	put("/pools/{poolid}", poolAlloc, poolid, poolEdit),
	del("/pools/{poolid}", poolAlloc, poolid),
}
