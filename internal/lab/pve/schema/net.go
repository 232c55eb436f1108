package schema

var nicModels = []string{
	"e1000", "e1000-82540em", "e1000-82544gc", "e1000-82545em", "e1000e", "i82551", "i82557b", "i82559er",
	"ne2k_isa", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3",
}

// Net is the property string of a network card: virtio=MAC,bridge=vmbr1.
var Net = network()

func network() Params {
	all := Params{
		"model":     str().of(nicModels...).def(),
		"macaddr":   formatted("mac-addr").opt(),
		"bridge":    formatted("pve-bridge-id").opt(),
		"firewall":  boolean().opt(),
		"link_down": boolean().opt(),
		"mtu":       integer().min(1).max(65520).opt(),
		"queues":    integer().min(0).max(64).opt(),
		"rate":      number().min(0).opt(),
		"tag":       integer().min(1).max(4094).opt(),
		"trunks":    str().like(`\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*`).opt(),
	}
	for _, model := range nicModels {
		all[model] = Param{Alias: "macaddr", KeyAlias: "model"}
	}
	return all
}

// IPConfig is the property string of a card's addresses for cloud-init.
var IPConfig = Params{
	"ip":  formatted("pve-ipv4-config").opt(),
	"gw":  formatted("ipv4").requires("ip").opt(),
	"ip6": formatted("pve-ipv6-config").opt(),
	"gw6": formatted("ipv6").requires("ip6").opt(),
}

// CICustom is the property string that names files to use instead of the generated cloud-init.
var CICustom = Params{
	"meta":    formatted("pve-volume-id").opt(),
	"network": formatted("pve-volume-id").opt(),
	"user":    formatted("pve-volume-id").opt(),
	"vendor":  formatted("pve-volume-id").opt(),
}
