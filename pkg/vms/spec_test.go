package vms

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

func TestADeclarationThatIsWrongIsRefusedBeforeAnythingIsSent(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Spec)
		word   string
	}{
		{"a name that is none", func(s *Spec) { s.Name = "a_b" }, "DNS name"},
		{"no name", func(s *Spec) { s.Name = "" }, "DNS name"},
		{"a number that Proxmox keeps", func(s *Spec) { s.ID = 99 }, "99"},
		{"no cores", func(s *Spec) { s.Cores = 0 }, "0 cores"},
		{"no memory", func(s *Spec) { s.Memory = 0 }, "0 MiB"},
		{"a balloon that is larger", func(s *Spec) { s.Balloon = 9000 }, "balloon"},
		{"no disk", func(s *Spec) { s.Disks = nil }, "no disk"},
		{"a slot that there is not", func(s *Spec) { s.Disks[0].Slot = "scsi31" }, "scsi31"},
		{"two disks in one slot", func(s *Spec) { s.Disks = append(s.Disks, Disk{Slot: "scsi0", Storage: "local-zfs", Size: 1}) }, "two disks"},
		{"a disk in the cloud-init drive's slot", func(s *Spec) { s.Disks = append(s.Disks, Disk{Slot: "ide2", Storage: "local-zfs", Size: 1}) }, "ide2"},
		{"a disk without size", func(s *Spec) { s.Disks[0].Size = 0 }, "0 GiB"},
		{"an image that is a path", func(s *Spec) { s.Disks[0].Image = "/tmp/x.qcow2" }, "no volume"},
		{"an image with another option behind it", func(s *Spec) { s.Disks[0].Image = "local:import/x.qcow2,format=raw" }, "no volume"},
		{"a storage with another option behind it", func(s *Spec) { s.Disks[0].Storage = "local-zfs:1,x=y" }, "storage"},
		{"a MAC that is a group's", func(s *Spec) { s.NICs[0].MAC = "01:00:5e:00:00:01" }, "unicast"},
		{"a MAC that is none", func(s *Spec) { s.NICs[0].MAC = "nonsense" }, "unicast"},
		{"the same MAC twice", func(s *Spec) { s.NICs = append(s.NICs, s.NICs[0]) }, "same MAC"},
		{"a bridge with another option behind it", func(s *Spec) { s.NICs[0].Bridge = "vmbr1,firewall=1" }, "bridge"},
		{"a VLAN that there is not", func(s *Spec) { s.NICs[0].VLAN = 5000 }, "5000"},
		{"an MTU that is too small", func(s *Spec) { s.NICs[0].MTU = 1 }, "MTU 1"},
		{"a model that there is not", func(s *Spec) { s.NICs[0].Model = "ne2000" }, "ne2000"},
		{"a tag in capitals", func(s *Spec) { s.Tags = []string{"Talos"} }, "Talos"},
		{"a boot device that there is not", func(s *Spec) { s.Boot = []string{"net3"} }, "net3"},
		{"a gateway without an address", func(s *Spec) { s.CloudInit.Addresses[0].Address = netip.Prefix{} }, "no address"},
		{"a gateway of the other family", func(s *Spec) { s.CloudInit.Addresses[0].Gateway = netip.MustParseAddr("fd00::1") }, "families"},
		{"DHCP and an address", func(s *Spec) { s.CloudInit.Addresses[0].DHCP = true }, "DHCP"},
		{"more addresses than cards", func(s *Spec) { s.CloudInit.Addresses = make([]IP, 2) }, "2 addresses for 1"},
		{"two keys in one", func(s *Spec) { s.CloudInit.SSHKeys = []string{"ssh-ed25519 A\nssh-ed25519 B"} }, "more than one line"},
		{"a part of cloud-init that there is not", func(s *Spec) { s.CloudInit.Custom = map[string]string{"disk": "local:snippets/x"} }, "disk"},
		{"a part of cloud-init that is a path", func(s *Spec) { s.CloudInit.Custom = map[string]string{"user": "/etc/shadow"} }, "no volume"},
		{"a BIOS without a place for its variables", func(s *Spec) { s.BIOS = "ovmf" }, "EFI"},
		{"a description that is too long", func(s *Spec) { s.Description = strings.Repeat("x", 8193) }, "8192"},
	} {
		s := spec(110)
		row.change(&s)
		refused(t, row.name, s.Check(), KindInvalid, row.word)
	}
	a, b := spec(110), spec(111)
	b.NICs = a.NICs
	refused(t, "two VMs with one MAC", CheckAll([]Spec{a, b}), KindInvalid, "BC:24:11:00:00:0A", "cp-110", "cp-111")
	b = spec(111)
	b.ID = 110
	refused(t, "two VMs with one number", CheckAll([]Spec{a, b}), KindInvalid, "the number 110")
}

// teleport is the plan's Teleport VM: two cards, and its network part by a snippet.
func teleport() Spec {
	return Spec{
		Name: "teleport", ID: 102, Cores: 2, Memory: 2048, Agent: true, Serial: true, OnBoot: true, Startup: &Startup{Order: 1, Up: 15},
		Description: "Teleport VM of waddle", BIOS: "ovmf", EFIStorage: "local-zfs",
		Disks: []Disk{{Storage: "local-zfs", Size: 20, Image: "local:import/debian-13.qcow2"}, {Slot: "virtio1", Storage: "local-zfs", Size: 5}},
		NICs:  []NIC{{Bridge: "vmbr0", MAC: "52:54:00:aa:bb:cc"}, {Bridge: "vmbr1", MAC: "bc:24:11:0a:0a:02"}},
		CloudInit: &CloudInit{Storage: "local-zfs", Upgrade: true, Custom: map[string]string{
			"user": "local:snippets/teleport-user-1.yaml", "network": "local:snippets/teleport-network-1.yaml"}},
	}
}

func TestTheRequestThatMakesAVMIsAsItsGoldenFile(t *testing.T) {
	for _, s := range []Spec{teleport(), spec(110), declared(111)} {
		raw, err := json.MarshalIndent(s.filled().create("waddle", "5f0c7d5e-6f0d-4a3a-9a55-2c8a3f3b1d10"), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", s.Name+".json")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != string(raw)+"\n" {
			t.Errorf("%s: %v; go test -update writes it anew:\n%s", path, err, raw)
		}
	}
}

func TestPropertyStringsSurviveTheirParser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := props(rapid.MapOf(rapid.StringMatching(`[a-z]{1,8}`), rapid.StringMatching(`[A-Za-z0-9:/._-]{1,12}`)).Draw(t, "properties"))
		if got := parseProps(p.print("file"), "file").print("file"); got != p.print("file") {
			t.Fatalf("%v became %s", p, got)
		}
	})
}

func TestCardsThatMeanTheSameReadTheSame(t *testing.T) {
	for _, text := range []string{"virtio=BC:24:11:00:00:10,bridge=vmbr1", "virtio=bc:24:11:00:00:10,bridge=vmbr1,firewall=0", "bridge=vmbr1,model=virtio,macaddr=BC:24:11:00:00:10", "virtio,bridge=vmbr1,macaddr=bc:24:11:00:00:10,link_down=0"} {
		if got, want := card(text), "virtio,bridge=vmbr1,macaddr=BC:24:11:00:00:10"; got != want {
			t.Errorf("%s reads %s", text, got)
		}
	}
	for text, want := range map[string]int64{"10G": 10 << 30, "10240M": 10 << 30, "4096K": 4 << 20, "1T": 1 << 40, "512": 512, "": 0, "1.5G": 3 << 29} {
		if got := bytesOf(text); got != want {
			t.Errorf("%s is %d bytes", text, got)
		}
	}
}
