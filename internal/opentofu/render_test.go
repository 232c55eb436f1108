package opentofu_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/opentofu"
	"github.com/waddle-social/waddle/pkg/vms"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

func platform() []vms.Spec {
	teleport := vms.Spec{
		Name: "teleport", ID: 102, Cores: 2, Memory: 2048, Agent: true, Serial: true, OnBoot: true, Tags: []string{"teleport"}, Description: "teleport, kept by waddled",
		Disks: []vms.Disk{{Storage: "local-zfs", Size: 20, Image: "local:import/debian-13-genericcloud-amd64-20260831-2587.qcow2"}},
		NICs:  []vms.NIC{{Bridge: "vmbr0", MAC: "52:54:00:ab:cd:ef"}, {Bridge: "vmbr1", MAC: "bc:24:11:0a:00:02"}},
		CloudInit: &vms.CloudInit{Storage: "local-zfs", User: "ops", SSHKeys: []string{"ssh-ed25519 AAAA operator@waddle.social"},
			Custom: map[string]string{"network": "local:snippets/waddle-teleport-network-0a.yaml", "vendor": "local:snippets/waddle-teleport-vendor-0b.yaml"}},
	}
	all := []vms.Spec{teleport}
	for i, name := range []string{"waddle-cp-1", "waddle-cp-2", "waddle-cp-3"} {
		all = append(all, vms.Spec{
			Name: name, ID: 110 + i, Cores: 3, Memory: 8192, Agent: true, Serial: true, OnBoot: true, Tags: []string{"talos"},
			Disks: []vms.Disk{{Slot: "scsi0", Storage: "local-zfs", Size: 10, Image: "local:import/talos-v1.12.4-nocloud-amd64-dc7b152cb3ea.qcow2"}},
			NICs:  []vms.NIC{{Bridge: "vmbr1", MAC: "BC:24:11:0A:00:1" + string(rune('0'+i))}},
			CloudInit: &vms.CloudInit{Storage: "local-zfs", Resolvers: []netip.Addr{netip.MustParseAddr("1.1.1.1")},
				Addresses: []vms.IP{{Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 0, byte(10 + i)}), 24), Gateway: netip.MustParseAddr("10.10.0.1")}}},
		})
	}
	return all
}

// odd has every field that the platform's VMs leave out.
func odd() vms.Spec {
	return vms.Spec{
		Name: "9-odd.example", ID: 999, Cores: 1, Memory: 512, Balloon: 256, CPU: "x86-64-v2-AES", Machine: "pc", BIOS: "seabios", OSType: "l26", SCSI: "virtio-scsi-pci",
		Disks: []vms.Disk{{Slot: "scsi0", Storage: "a", Size: 1, Plain: true}, {Storage: "b", Size: 2}, {Slot: "virtio3", Storage: "b", Size: 3}, {Slot: "sata1", Storage: "b", Size: 4}},
		NICs:  []vms.NIC{{Bridge: "vmbr9", MAC: "BC:24:11:00:00:01", Model: "e1000", VLAN: 7, MTU: 1400}},
		Boot:  []string{"scsi1", "net0"}, Tags: []string{"zebra", "ape", "waddle"}, Off: true, Startup: &vms.Startup{Order: 3, Up: 30, Down: 60},
		Description: "tab\there, quote \" and ${not.a.template} %{nor this}\nend \\",
		CloudInit: &vms.CloudInit{Storage: "a", Slot: "ide0", Domain: "example.org", Upgrade: true, Custom: map[string]string{"user": "local:snippets/u.yaml"},
			User: "not said beside a snippet", Addresses: []vms.IP{{DHCP: true}, {}, {Address: netip.MustParsePrefix("2001:db8::2/64"), Gateway: netip.MustParseAddr("2001:db8::1")}}},
	}
}

func TestThePlatformsVMsAsAConfiguration(t *testing.T) {
	for _, f := range opentofu.Render("pve", "https://10.10.0.1:8006/", append(platform(), odd())) {
		golden := filepath.Join("testdata", f.Name)
		if *update {
			if err := os.WriteFile(golden, []byte(f.Content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || string(want) != f.Content {
			t.Errorf("%s is not as in %s: %v\n%s", f.Name, golden, err, f.Content)
		}
		if formatted := string(hclwrite.Format([]byte(f.Content))); formatted != f.Content {
			t.Errorf("tofu fmt would change %s:\n%s", f.Name, formatted)
		}
	}
}

func parse(t interface{ Fatal(...any) }, f opentofu.File) *hclsyntax.Body {
	file, diags := hclsyntax.ParseConfig([]byte(f.Content), f.Name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags.Error() + "\n" + f.Content)
	}
	return file.Body.(*hclsyntax.Body)
}

func text(t *testing.T, b *hclsyntax.Body, name string) string {
	t.Helper()
	v, diags := b.Attributes[name].Expr.Value(nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return v.AsString()
}

func TestEachVMIsAResourceWithAnImportThatNamesIt(t *testing.T) {
	files := opentofu.Render("pve", "https://10.10.0.1:8006/", append(platform(), odd()))
	resources := map[string]*hclsyntax.Body{}
	for _, b := range parse(t, files[1]).Blocks {
		if b.Type != "resource" || b.Labels[0] != "proxmox_virtual_environment_vm" || resources[b.Labels[1]] != nil {
			t.Fatalf("%s %v", b.Type, b.Labels)
		}
		resources[b.Labels[1]] = b.Body
		var destroy bool
		for _, inner := range b.Body.Blocks {
			destroy = destroy || inner.Type == "lifecycle" && inner.Body.Attributes["prevent_destroy"] != nil
		}
		if !destroy {
			t.Errorf("%v may be destroyed", b.Labels)
		}
	}
	imported := 0
	for _, b := range parse(t, files[2]).Blocks {
		to, diags := hcl.AbsTraversalForExpr(b.Body.Attributes["to"].Expr)
		if diags.HasErrors() || len(to) != 2 {
			t.Fatal(diags)
		}
		body := resources[to[1].(hcl.TraverseAttr).Name]
		id, _ := body.Attributes["vm_id"].Expr.Value(nil)
		if want := text(t, body, "node_name") + "/" + id.AsBigFloat().String(); text(t, b.Body, "id") != want {
			t.Errorf("%s is imported as %s", want, text(t, b.Body, "id"))
		}
		imported++
	}
	if imported != 5 || len(resources) != 5 {
		t.Errorf("%d imports of %d VMs", imported, len(resources))
	}
	if got := text(t, resources["vm_9_odd_example"], "description"); got != odd().Description {
		t.Errorf("the description became %q", got)
	}
	for _, f := range files {
		parse(t, f)
		if strings.Contains(strings.ToLower(f.Content), "api_token =") || strings.Contains(f.Content, "insecure") {
			t.Errorf("%s:\n%s", f.Name, f.Content)
		}
	}
}

func TestNoTextBreaksOutOfItsQuotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := platform()[0]
		s.Description = "x" + rapid.String().Draw(t, "description")
		f := opentofu.Render("pve", "https://10.10.0.1:8006/", []vms.Spec{s})[1]
		body := parse(t, f)
		if len(body.Blocks) != 1 {
			t.Fatalf("%d blocks:\n%s", len(body.Blocks), f.Content)
		}
		v, diags := body.Blocks[0].Body.Attributes["description"].Expr.Value(nil)
		if diags.HasErrors() {
			t.Fatal(diags.Error())
		}
		// HCL keeps texts in their normal form.
		if want := cty.StringVal(s.Description).AsString(); v.AsString() != want {
			t.Fatalf("%q became %q", want, v.AsString())
		}
	})
}
