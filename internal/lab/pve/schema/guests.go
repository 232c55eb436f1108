package schema

import "fmt"

var configPrivs = permAny("/vms/{vmid}", "VM.Config.Disk", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Memory",
	"VM.Config.Network", "VM.Config.HWType", "VM.Config.Options", "VM.Config.Cloudinit")

var (
	snapname   = formatted("pve-configid").upTo(40)
	seeVM      = perm("/vms/{vmid}", "VM.Audit")
	limit      = Params{"bwlimit": integer().min(0).opt()}
	digest     = Params{"digest": str().upTo(40).opt()}
	configEdit = with(onVM, Config, digest, skiplock, Params{
		"delete": formatted("pve-configid-list").opt(),
		"force":  boolean().requires("delete").opt(),
		"revert": formatted("pve-configid-list").opt(),
	})
)

var guests = []Endpoint{
	get("/nodes/{node}/qemu", Everyone{}, onNode, Params{"full": boolean().opt()}),
	post("/nodes/{node}/qemu", Everyone{}, onVM, Config, limit, Params{
		"archive":                str().upTo(255).opt(),
		"force":                  boolean().requires("archive").opt(),
		"import-working-storage": formatted("pve-storage-id").opt(),
		"live-restore":           boolean().opt(),
		"pool":                   formatted("pve-poolid").opt(),
		"start":                  boolean().opt(),
		"storage":                formatted("pve-storage-id").opt(),
		"unique":                 boolean().requires("archive").opt(),
	}),
	get("/nodes/{node}/qemu/{vmid}", Everyone{}, onVM),
	del("/nodes/{node}/qemu/{vmid}", perm("/vms/{vmid}", "VM.Allocate"), onVM, skiplock, Params{
		"destroy-unreferenced-disks": boolean().opt(),
		"purge":                      boolean().opt(),
	}),
	get("/nodes/{node}/qemu/{vmid}/config", seeVM, onVM, Params{"current": boolean().opt(), "snapshot": snapname.opt()}),
	put("/nodes/{node}/qemu/{vmid}/config", configPrivs, configEdit),
	post("/nodes/{node}/qemu/{vmid}/config", configPrivs, configEdit, Params{
		"background_delay":       integer().min(1).max(30).opt(),
		"import-working-storage": formatted("pve-storage-id").opt(),
	}),
	get("/nodes/{node}/qemu/{vmid}/pending", seeVM, onVM),
	get("/nodes/{node}/qemu/{vmid}/cloudinit", seeVM, onVM),
	put("/nodes/{node}/qemu/{vmid}/cloudinit", perm("/vms/{vmid}", "VM.Config.Cloudinit"), onVM),
	get("/nodes/{node}/qemu/{vmid}/cloudinit/dump", seeVM, onVM, Params{"type": str().of("user", "network", "meta")}),
	get("/nodes/{node}/qemu/{vmid}/feature", seeVM, onVM, Params{"feature": str().of("snapshot", "clone", "copy"), "snapname": snapname.opt()}),
	put("/nodes/{node}/qemu/{vmid}/resize", perm("/vms/{vmid}", "VM.Config.Disk"), onVM, digest, skiplock, Params{
		"disk": str().of(driveNames()...),
		"size": str().like(`\+?\d+(\.\d+)?[KMGT]?`),
	}),
	put("/nodes/{node}/qemu/{vmid}/unlink", perm("/vms/{vmid}", "VM.Config.Disk"), onVM, Params{
		"force":  boolean().opt(),
		"idlist": formatted("pve-configid-list"),
	}),
	post("/nodes/{node}/qemu/{vmid}/move_disk", perm("/vms/{vmid}", "VM.Config.Disk"), onVM, digest, limit, Params{
		"delete":        boolean().opt(),
		"disk":          str().of(allDisks()...),
		"format":        str().of("raw", "qcow2", "vmdk").opt(),
		"storage":       formatted("pve-storage-id").opt(),
		"target-digest": str().upTo(40).opt(),
		"target-disk":   str().of(allDisks()...).opt(),
		"target-vmid":   vmid.opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/clone", AllOf{perm("/vms/{vmid}", "VM.Clone"), OneOf{
		perm("/vms/{newid}", "VM.Allocate"), Perm{Path: "/pool/{pool}", Privs: []string{"VM.Allocate"}, When: "pool"},
	}}, onVM, limit, Params{
		"description": str().opt(),
		"format":      str().of("raw", "qcow2", "vmdk").opt(),
		"full":        boolean().opt(),
		"name":        formatted("dns-name").opt(),
		"newid":       vmid,
		"pool":        formatted("pve-poolid").opt(),
		"snapname":    snapname.opt(),
		"storage":     formatted("pve-storage-id").opt(),
		"target":      formatted("pve-node").opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/template", perm("/vms/{vmid}", "VM.Allocate"), onVM, Params{"disk": str().of(driveNames()...).opt()}),
	post("/nodes/{node}/qemu/{vmid}/vncproxy", perm("/vms/{vmid}", "VM.Console"), onVM, Params{
		"generate-password": boolean().opt(), "websocket": boolean().opt(),
	}),
	post("/nodes/{node}/qemu/{vmid}/termproxy", perm("/vms/{vmid}", "VM.Console"), onVM, Params{
		"serial": str().of("serial0", "serial1", "serial2", "serial3").opt(),
	}),
}

// driveNames are the drives in the order in which Proxmox lists them.
func driveNames() []string {
	var all []string
	for _, bus := range []string{"ide", "scsi", "virtio", "sata"} {
		for n := range Count[bus] {
			all = append(all, fmt.Sprint(bus, n))
		}
	}
	return append(all, "efidisk0", "tpmstate0")
}

func allDisks() []string {
	all := driveNames()
	for n := range Count["unused"] {
		all = append(all, fmt.Sprint("unused", n))
	}
	return all
}
