package schema

var (
	mayPower = perm("/vms/{vmid}", "VM.PowerMgmt")
	timeout  = Params{"timeout": integer().min(0).opt()}
	keep     = Params{"keepActive": boolean().opt()}
)

var power = []Endpoint{
	get("/nodes/{node}/qemu/{vmid}/status", Everyone{}, onVM),
	get("/nodes/{node}/qemu/{vmid}/status/current", seeVM, onVM),
	post("/nodes/{node}/qemu/{vmid}/status/start", mayPower, onVM, skiplock, timeout, Params{
		"force-cpu":            str().opt(),
		"machine":              props(machine).opt(),
		"migratedfrom":         formatted("pve-node").opt(),
		"migration_network":    formatted("CIDR").opt(),
		"migration_type":       str().of("secure", "insecure").opt(),
		"stateuri":             str().upTo(128).opt(),
		"targetstorage":        formatted("storage-pair-list").opt(),
		"with-conntrack-state": boolean().opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/status/stop", mayPower, onVM, skiplock, timeout, keep, Params{
		"migratedfrom":      formatted("pve-node").opt(),
		"overrule-shutdown": boolean().opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/status/shutdown", mayPower, onVM, skiplock, timeout, keep, Params{"forceStop": boolean().opt()}),
	post("/nodes/{node}/qemu/{vmid}/status/reboot", mayPower, onVM, timeout),
	post("/nodes/{node}/qemu/{vmid}/status/reset", mayPower, onVM, skiplock),
	post("/nodes/{node}/qemu/{vmid}/status/suspend", mayPower, onVM, skiplock, Params{
		"statestorage": formatted("pve-storage-id").requires("todisk").opt(),
		"todisk":       boolean().opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/status/resume", mayPower, onVM, skiplock, Params{"nocheck": boolean().opt()}),
}

var (
	maySnap  = perm("/vms/{vmid}", "VM.Snapshot")
	ofSnap   = with(onVM, Params{"snapname": snapname})
	rollback = permAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback")
)

var snapshots = []Endpoint{
	get("/nodes/{node}/qemu/{vmid}/snapshot", seeVM, onVM),
	post("/nodes/{node}/qemu/{vmid}/snapshot", maySnap, ofSnap, Params{"description": str().opt(), "vmstate": boolean().opt()}),
	get("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", Everyone{}, ofSnap),
	del("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", maySnap, ofSnap, Params{"force": boolean().opt()}),
	get("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", permAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"), ofSnap),
	put("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", maySnap, ofSnap, Params{"description": str().opt()}),
	post("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback", rollback, ofSnap, Params{"start": boolean().opt()}),
}
