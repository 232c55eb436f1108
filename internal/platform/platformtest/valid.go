package platformtest

import (
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/platform"
)

// Valid draws platforms that satisfy every rule, from the plan's own to
// ones that change most tables.
func Valid(base *platform.Platform) *rapid.Generator[*platform.Platform] {
	return rapid.Custom(func(t *rapid.T) *platform.Platform {
		p := platform.Minimal(base)
		maybe := func(label string, change func()) {
			if rapid.Bool().Draw(t, label) {
				change()
			}
		}
		maybe("name", func() { p.Metadata.Name = drawLabel(t, "name") })
		maybe("host", func() { drawHost(t, p) })
		maybe("network", func() { drawNetwork(t, p) })
		maybe("dns", func() { p.Spec.DNS.Domain = platform.Domain(drawLabel(t, "domain") + ".example.org") })
		maybe("vms", func() { drawVMs(t, p) })
		maybe("rest", func() { drawRest(t, p) })
		return p
	})
}

func drawLabel(t *rapid.T, label string) platform.Label {
	return platform.Label(rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, label))
}

func drawHost(t *rapid.T, p *platform.Platform) {
	h := &p.Spec.Host
	h.Node = drawLabel(t, "node")
	h.Memory = platform.Size(rapid.IntRange(96, 1024).Draw(t, "memory")) * platform.GiB
	h.Disk = platform.Size(rapid.IntRange(1024, 20000).Draw(t, "disk")) * platform.GiB
	h.Cores = platform.Cores(rapid.IntRange(8, 256).Draw(t, "cores"))
	h.Pool = platform.Pool(rapid.SampledFrom([]string{"rpool", "tank", "data-1"}).Draw(t, "pool"))
	h.SSH.Port = platform.Port(rapid.IntRange(23, 2000).Draw(t, "ssh"))
	h.Storages.Disks = platform.StorageID(rapid.SampledFrom([]string{"local-zfs", "vmdata"}).Draw(t, "disks"))
}

func drawNetwork(t *rapid.T, p *platform.Platform) {
	n := &p.Spec.Network
	third := rapid.IntRange(0, 95).Draw(t, "third")
	n.Internal.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16 + byte(third%8), byte(third) & 0xfe, 0}), rapid.IntRange(23, 24).Draw(t, "bits"))
	n.Internal.NAT = rapid.SampledFrom([]platform.NAT{"", platform.NoNAT, platform.Masquerade}).Draw(t, "nat")
	if rapid.Bool().Draw(t, "without IPv6") {
		n.Public.IPv6 = nil
	}
	if rapid.Bool().Draw(t, "own addresses") {
		base := n.Internal.CIDR.Addr().As4()
		at := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{base[0], base[1], base[2], last}) }
		n.Internal.Address, n.Addresses.Teleport = at(254), at(253)
		n.Addresses.KubernetesVIP, n.Addresses.GatewayVIP = at(100), at(101)
	}
	n.Resolvers = rapid.SampledFrom([][]netip.Addr{nil, {netip.MustParseAddr("9.9.9.9")}, {netip.MustParseAddr("2620:fe::fe"), netip.MustParseAddr("1.1.1.1")}}).Draw(t, "resolvers")
}

func drawVMs(t *rapid.T, p *platform.Platform) {
	v := &p.Spec.VMs
	v.Teleport.ID = platform.VMID(rapid.IntRange(200, 300).Draw(t, "id"))
	v.Teleport.Memory = platform.Size(rapid.IntRange(1024, 2048).Draw(t, "teleport memory")) * platform.MiB
	v.Nodes = make([]platform.VM, rapid.SampledFrom([]int{1, 3}).Draw(t, "nodes"))
	for i := range v.Nodes {
		if rapid.Bool().Draw(t, "own values") {
			v.Nodes[i].Name = platform.Label(fmt.Sprintf("node-%d", i))
			v.Nodes[i].Memory = platform.Size(rapid.IntRange(2, 8).Draw(t, "node memory")) * platform.GiB
			v.Nodes[i].MAC = platform.MAC{2, 0, 0, 0, 1, byte(i)}
		}
	}
}

func drawRest(t *rapid.T, p *platform.Platform) {
	s := &p.Spec
	s.TLS.Email = rapid.SampledFrom([]platform.Email{"", "ops@example.org"}).Draw(t, "email")
	s.Storage.CHAP = rapid.SampledFrom([]platform.CHAP{"", platform.OneWayCHAP, platform.MutualCHAP}).Draw(t, "chap")
	s.Storage.Quota = platform.Size(rapid.IntRange(0, 3).Draw(t, "quota")) * 100 * platform.GiB
	s.Secrets.Vault = platform.Vault(rapid.SampledFrom([]string{"", "a vault", "x"}).Draw(t, "vault"))
	s.GitOps.NetworkPolicy = rapid.SampledFrom([]platform.Toggle{"", platform.On, platform.Off}).Draw(t, "policy")
	s.Lockdown.Internal = rapid.SampledFrom([]platform.InternalTrust{"", platform.Zones, platform.Open}).Draw(t, "trust")
	s.Lockdown.SSHFrom = rapid.SampledFrom([][]netip.Prefix{nil, {netip.MustParsePrefix("192.0.2.0/24")}, {netip.MustParsePrefix("2001:db8:7::/48"), netip.MustParsePrefix("198.51.100.7/32")}}).Draw(t, "from")
	s.Waddled.Port = platform.Port(rapid.IntRange(9000, 65535).Draw(t, "port"))
	s.Waddled.Retention.Age = platform.Duration(rapid.Int64Range(1, 3650*24*3600).Draw(t, "age") * 1e9)
	s.Components.CertManager.Version = platform.VersionRange(rapid.SampledFrom([]string{"", "1.x", "v1.21.2", "2.9.x"}).Draw(t, "cert-manager"))
	s.Teleport.Teams[0].Roles = rapid.SampledFrom([][]platform.Slug{nil, {"access"}, {"editor", "123"}}).Draw(t, "roles")
	s.Backups.ObjectStorage.Bucket = platform.Bucket(rapid.SampledFrom([]string{"", "0123", "my-bucket", "true"}).Draw(t, "bucket"))
}
