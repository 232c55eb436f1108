package schema

// Count tells how many of a numbered parameter there are.
var Count = map[string]int{
	"ide": 4, "sata": 6, "scsi": 31, "virtio": 16, "net": 32, "ipconfig": 32, "numa": 8, "serial": 4,
	"parallel": 3, "usb": 14, "hostpci": 16, "unused": 256, "virtiofs": 10,
}

// Drive is the property string of a drive on a bus: ide, sata, scsi, virtio, efidisk or tpmstate.
func Drive(bus string) Params {
	base := Params{
		"file":        formatted("pve-volume-id-or-qm-path").def(),
		"volume":      alias("file"),
		"import-from": formatted("pve-volume-id-or-absolute-path").opt(),
		"size":        formatted("disk-size").opt(),
	}
	switch bus {
	case "tpmstate":
		return with(base, Params{"version": str().of("v1.2", "v2.0").opt()})
	case "efidisk":
		return with(base, Params{
			"format":            diskFormat.opt(),
			"efitype":           str().of("2m", "4m").opt(),
			"pre-enrolled-keys": boolean().opt(),
		})
	}
	all := with(base, disk, throttle())
	if bus != "virtio" {
		all = with(all, Params{"ssd": boolean().opt(), "wwn": str().like(`(0x)[0-9a-fA-F]{16}`).opt()})
	}
	switch bus {
	case "ide":
		all["model"] = formatted("urlencoded").upTo(120).opt()
	case "scsi":
		all = with(all, Params{
			"iothread":  boolean().opt(),
			"ro":        boolean().opt(),
			"queues":    integer().min(2).opt(),
			"scsiblock": boolean().opt(),
			"product":   str().like(`[A-Za-z0-9\-_\s]{0,16}`).opt(),
			"vendor":    str().like(`[A-Za-z0-9\-_\s]{0,8}`).opt(),
		})
	case "virtio":
		all = with(all, Params{"iothread": boolean().opt(), "ro": boolean().opt()})
	}
	return all
}

var diskFormat = str().of("raw", "qcow", "qed", "qcow2", "vmdk", "cloop")

var disk = Params{
	"aio":           str().of("native", "threads", "io_uring").opt(),
	"backup":        boolean().opt(),
	"cache":         str().of("none", "writethrough", "writeback", "unsafe", "directsync").opt(),
	"detect_zeroes": boolean().opt(),
	"discard":       str().of("ignore", "on").opt(),
	"format":        diskFormat.opt(),
	"media":         str().of("cdrom", "disk").opt(),
	"replicate":     boolean().opt(),
	"rerror":        str().of("ignore", "report", "stop").opt(),
	"serial":        formatted("urlencoded").upTo(60).opt(),
	"shared":        boolean().opt(),
	"snapshot":      boolean().opt(),
	"werror":        str().of("enospc", "ignore", "report", "stop").opt(),
}

// throttle are the limits of a drive: for each unit a rate, a burst and the burst's length.
func throttle() Params {
	all := Params{
		"bps_rd_length": alias("bps_rd_max_length"), "bps_wr_length": alias("bps_wr_max_length"),
		"iops_rd_length": alias("iops_rd_max_length"), "iops_wr_length": alias("iops_wr_max_length"),
	}
	for _, dir := range []string{"", "_rd", "_wr"} {
		all["bps"+dir] = integer().opt()
		all["bps"+dir+"_max_length"] = integer().min(1).opt()
		all["iops"+dir] = integer().opt()
		all["iops"+dir+"_max"] = integer().opt()
		all["iops"+dir+"_max_length"] = integer().min(1).opt()
		all["mbps"+dir] = number().opt()
		all["mbps"+dir+"_max"] = number().opt()
	}
	return all
}
