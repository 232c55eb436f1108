package schema

var base64Text = str().like(`[A-Za-z0-9+\/]+={0,2}`).opt()

var smbios = Params{
	"uuid":   str().like(`[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}`).opt(),
	"base64": boolean().opt(), "family": base64Text, "manufacturer": base64Text, "product": base64Text,
	"serial": base64Text, "sku": base64Text, "version": base64Text,
}

// Agent is the property string of the guest agent.
var Agent = Params{
	"enabled":             boolean().def(),
	"freeze-fs-on-backup": boolean().opt(),
	"fstrim_cloned_disks": boolean().opt(),
	"type":                str().of("virtio", "isa").opt(),
}

var machine = Params{
	"type":      str().upTo(40).like(`(pc|pc(-i440fx)?-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?|q35|pc-q35-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?|virt(?:-\d+(\.\d+)+)?(\+pve\d+)?)`).opt().def(),
	"enable-s3": boolean().opt(),
	"enable-s4": boolean().opt(),
	"viommu":    str().of("intel", "virtio").opt(),
}

// Config are the options of a VM's configuration, without the drives' allocation.
var Config = with(hardware(), drives(), Params{
	"agent":              props(Agent).opt(),
	"autostart":          boolean().opt(),
	"boot":               formatted("pve-qm-boot").opt(),
	"bootdisk":           formatted("pve-qm-bootdisk").like(`(ide|sata|scsi|virtio)\d+`).opt(),
	"cdrom":              formatted("pve-qm-ide").opt(),
	"cicustom":           formatted("pve-qm-cicustom").opt(),
	"cipassword":         str().opt(),
	"citype":             str().of("configdrive2", "nocloud", "opennebula").opt(),
	"ciupgrade":          boolean().opt(),
	"ciuser":             str().opt(),
	"description":        str().upTo(8192).opt(),
	"hookscript":         formatted("pve-volume-id").opt(),
	"ipconfig[n]":        formatted("pve-qm-ipconfig").opt(),
	"lock":               str().of("backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended").opt(),
	"migrate_downtime":   number().min(0).opt(),
	"migrate_speed":      integer().min(0).opt(),
	"name":               formatted("dns-name").opt(),
	"nameserver":         formatted("address-list").opt(),
	"onboot":             boolean().opt(),
	"protection":         boolean().opt(),
	"reboot":             boolean().opt(),
	"searchdomain":       str().opt(),
	"spice_enhancements": props(Params{"foldersharing": boolean().opt(), "videostreaming": str().of("off", "all", "filter").opt()}).opt(),
	"sshkeys":            formatted("urlencoded").opt(),
	"startup":            formatted("pve-startup-order").opt(),
	"tags":               formatted("pve-tag-list").opt(),
	"template":           boolean().opt(),
	"vmstatestorage":     formatted("pve-storage-id").opt(),
})

func drives() Params {
	all := Params{
		"efidisk0":  props(Drive("efidisk")).opt(),
		"tpmstate0": props(Drive("tpmstate")).opt(),
		"unused[n]": props(Params{"file": formatted("pve-volume-id").def(), "volume": alias("file")}).opt(),
	}
	for _, bus := range []string{"ide", "sata", "scsi", "virtio"} {
		all[bus+"[n]"] = props(Drive(bus)).opt()
	}
	return all
}

func hardware() Params {
	return Params{
		"acpi":          boolean().opt(),
		"affinity":      formatted("pve-cpuset").opt(),
		"amd-sev":       formatted("pve-qemu-sev-fmt").opt(),
		"arch":          str().of("x86_64", "aarch64").opt(),
		"args":          str().opt(),
		"audio0":        props(Params{"device": str().of("ich9-intel-hda", "intel-hda", "AC97"), "driver": str().of("spice", "none").opt()}).opt(),
		"balloon":       integer().min(0).opt(),
		"bios":          str().of("seabios", "ovmf").opt(),
		"cores":         integer().min(1).opt(),
		"cpu":           formatted("pve-vm-cpu-conf").opt(),
		"cpulimit":      number().min(0).max(128).opt(),
		"cpuunits":      integer().min(1).max(262144).opt(),
		"freeze":        boolean().opt(),
		"hostpci[n]":    formatted("pve-qm-hostpci").opt(),
		"hotplug":       formatted("pve-hotplug-features").opt(),
		"hugepages":     str().of("any", "2", "1024").opt(),
		"ivshmem":       props(Params{"name": str().like(`[a-zA-Z0-9\-]+`).opt(), "size": integer().min(1)}).opt(),
		"keephugepages": boolean().opt(),
		"keyboard":      str().of("de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr").opt(),
		"kvm":           boolean().opt(),
		"localtime":     boolean().opt(),
		"machine":       props(machine).opt(),
		"memory":        props(Params{"current": integer().min(16).def()}).opt(),
		"net[n]":        props(Net).opt(),
		"numa":          boolean().opt(),
		"numa[n]": props(Params{
			"cpus":      str().like(`\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*`),
			"hostnodes": str().like(`\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*`).opt(),
			"memory":    number().opt(),
			"policy":    str().of("preferred", "bind", "interleave").opt(),
		}).opt(),
		"ostype":      str().of("other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26", "solaris").opt(),
		"parallel[n]": str().like(`/dev/parport\d+|/dev/usb/lp\d+`).opt(),
		"rng0":        formatted("pve-qm-rng").opt(),
		"scsihw":      str().of("lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi").opt(),
		"serial[n]":   str().like(`(/dev/.+|socket)`).opt(),
		"shares":      integer().min(0).max(50000).opt(),
		"smbios1":     formatted("pve-qm-smbios1").upTo(512).opt(),
		"smp":         integer().min(1).opt(),
		"sockets":     integer().min(1).opt(),
		"startdate":   str().like(`(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?)`).opt(),
		"tablet":      boolean().opt(),
		"tdf":         boolean().opt(),
		"usb[n]": props(Params{
			"host":    str().like(`(?:(?:((0x)?([0-9A-Fa-f]{4}):(0x)?([0-9A-Fa-f]{4})))|(?:((\d+)\-(\d+(\.\d+)*)))|[Ss][Pp][Ii][Cc][Ee])`).opt().def(),
			"mapping": formatted("pve-configid").opt(),
			"usb3":    boolean().opt(),
		}).opt(),
		"vcpus": integer().min(1).opt(),
		"vga": props(Params{
			"type":      str().of("cirrus", "qxl", "qxl2", "qxl3", "qxl4", "none", "serial0", "serial1", "serial2", "serial3", "std", "virtio", "virtio-gl", "vmware").opt().def(),
			"memory":    integer().min(4).max(512).opt(),
			"clipboard": str().of("vnc").opt(),
		}).opt(),
		"virtiofs[n]": props(Params{
			"dirid":        formatted("pve-configid").def(),
			"cache":        str().of("auto", "always", "metadata", "never").opt(),
			"direct-io":    boolean().opt(),
			"expose-acl":   boolean().opt(),
			"expose-xattr": boolean().opt(),
		}).opt(),
		"vmgenid":  str().like(`(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])`).opt(),
		"watchdog": formatted("pve-qm-watchdog").opt(),
	}
}
