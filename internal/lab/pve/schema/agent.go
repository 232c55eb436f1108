package schema

func agentMay(priv string) Perm { return permAny("/vms/{vmid}", priv, "VM.GuestAgent.Unrestricted") }

var (
	agentAll  = perm("/vms/{vmid}", "VM.GuestAgent.Unrestricted")
	agentSees = agentMay("VM.GuestAgent.Audit")
)

var agent = []Endpoint{
	{Method: "GET", Path: "/nodes/{node}/qemu/{vmid}/agent", Perm: Everyone{}, Params: onVM, Open: true},
	post("/nodes/{node}/qemu/{vmid}/agent", permAny("/vms/{vmid}", "VM.GuestAgent.Unrestricted", "VM.GuestAgent.Unrestricted"), onVM, Params{
		"command": str().of("fsfreeze-freeze", "fsfreeze-status", "fsfreeze-thaw", "fstrim", "get-fsinfo", "get-host-name",
			"get-memory-block-info", "get-memory-blocks", "get-osinfo", "get-time", "get-timezone", "get-users", "get-vcpus", "info",
			"network-get-interfaces", "ping", "shutdown", "suspend-disk", "suspend-hybrid", "suspend-ram"),
	}),
	post("/nodes/{node}/qemu/{vmid}/agent/ping", agentSees, onVM),
	get("/nodes/{node}/qemu/{vmid}/agent/info", agentSees, onVM),
	get("/nodes/{node}/qemu/{vmid}/agent/get-osinfo", agentSees, onVM),
	get("/nodes/{node}/qemu/{vmid}/agent/get-host-name", agentSees, onVM),
	get("/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces", agentSees, onVM),
	post("/nodes/{node}/qemu/{vmid}/agent/exec", agentAll, onVM, Params{
		"command":    {Type: Array},
		"input-data": str().upTo(65536).opt(),
	}),
	get("/nodes/{node}/qemu/{vmid}/agent/exec-status", agentAll, onVM, Params{"pid": integer()}),
	get("/nodes/{node}/qemu/{vmid}/agent/file-read", agentMay("VM.GuestAgent.FileRead"), onVM, Params{"file": str()}),
	post("/nodes/{node}/qemu/{vmid}/agent/file-write", agentMay("VM.GuestAgent.FileWrite"), onVM, Params{
		"content": str().upTo(61440),
		"encode":  boolean().opt(),
		"file":    str(),
	}),
	post("/nodes/{node}/qemu/{vmid}/agent/shutdown", agentMay("VM.PowerMgmt"), onVM),
}
