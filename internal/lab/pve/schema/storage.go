package schema

var (
	storeTypes = str().of("btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool")
	seeStore   = permAny("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace")
	volume     = Params{"node": formatted("pve-node"), "storage": formatted("pve-storage-id").opt(), "volume": str()}
	network1   = OneOf{perm("/", "Sys.Audit", "Sys.Modify"), perm("/nodes/{node}", "Sys.AccessNetwork")}
	checksum   = Params{
		"checksum":           str().requires("checksum-algorithm").opt(),
		"checksum-algorithm": str().of("md5", "sha1", "sha224", "sha256", "sha384", "sha512").requires("checksum").opt(),
	}
	incoming = Params{
		"content":  formatted("pve-storage-content").of("iso", "vztmpl", "import"),
		"filename": str().upTo(255),
	}
)

var storage = []Endpoint{
	get("/storage", Everyone{}, Params{"type": storeTypes.opt()}),
	get("/storage/{storage}", perm("/storage/{storage}", "Datastore.Allocate"), Params{"storage": formatted("pve-storage-id")}),
	put("/storage/{storage}", perm("/storage", "Datastore.Allocate"), storageEdit),
	get("/nodes/{node}/storage", Everyone{}, onNode, Params{
		"content": formatted("pve-storage-content-list").opt(),
		"enabled": boolean().opt(),
		"format":  boolean().opt(),
		"storage": formatted("pve-storage-id").opt(),
		"target":  formatted("pve-node").opt(),
	}),
	get("/nodes/{node}/storage/{storage}", seeStore, onStore),
	get("/nodes/{node}/storage/{storage}/status", seeStore, onStore),
	get("/nodes/{node}/storage/{storage}/content", seeStore, onStore, Params{
		"content": formatted("pve-storage-content").opt(),
		"vmid":    vmid.opt(),
	}),
	post("/nodes/{node}/storage/{storage}/content", perm("/storage/{storage}", "Datastore.AllocateSpace"), onStore, Params{
		"filename": str(),
		"format":   str().of("raw", "qcow2", "subvol", "vmdk").requires("size").opt(),
		"size":     str().like(`\d+[MG]?`),
		"vmid":     vmid,
	}),
	get("/nodes/{node}/storage/{storage}/content/{volume}", Everyone{}, volume),
	del("/nodes/{node}/storage/{storage}/content/{volume}", Everyone{}, volume, Params{"delay": integer().min(1).max(30).opt()}),
	post("/nodes/{node}/storage/{storage}/upload", perm("/storage/{storage}", "Datastore.AllocateTemplate"), onStore, incoming, checksum,
		Params{"tmpfilename": str().like(`/var/tmp/pveupload-[0-9a-f]+`).opt()}),
	post("/nodes/{node}/storage/{storage}/download-url", AllOf{perm("/storage/{storage}", "Datastore.AllocateTemplate"), network1}, onStore, incoming, checksum, Params{
		"compression":         str().opt(),
		"url":                 str().like(`https?://.*`),
		"verify-certificates": boolean().opt(),
	}),
	get("/nodes/{node}/query-url-metadata", network1, onNode, Params{
		"url":                 str().like(`https?://.*`),
		"verify-certificates": boolean().opt(),
	}),
}

var storageEdit = Params{
	"storage":               formatted("pve-storage-id"),
	"bwlimit":               props(bandwidth).opt(),
	"content":               formatted("pve-storage-content-list").opt(),
	"content-dirs":          formatted("pve-dir-override-list").opt(),
	"create-base-path":      boolean().opt(),
	"create-subdirs":        boolean().opt(),
	"delete":                formatted("pve-configid-list").upTo(4096).opt(),
	"digest":                str().upTo(64).opt(),
	"disable":               boolean().opt(),
	"format":                str().of("raw", "qcow2", "subvol", "vmdk").opt(),
	"is_mountpoint":         str().opt(),
	"max-protected-backups": integer().min(-1).opt(),
	"mkdir":                 boolean().opt(),
	"nodes":                 formatted("pve-node-list").opt(),
	"preallocation":         str().of("off", "metadata", "falloc", "full").opt(),
	"prune-backups":         formatted("prune-backups").opt(),
	"shared":                boolean().opt(),
	"sparse":                boolean().opt(),
	"blocksize":             str().opt(),
	"pool":                  str().opt(),
	"mountpoint":            formatted("pve-storage-path").opt(),
}

var bandwidth = Params{
	"clone": number().min(0).opt(), "default": number().min(0).opt(), "migration": number().min(0).opt(),
	"move": number().min(0).opt(), "restore": number().min(0).opt(),
}
