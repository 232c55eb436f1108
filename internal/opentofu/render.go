package opentofu

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms"
)

// File is one file of the configuration.
type File struct{ Name, Content string }

// ProviderVersion is the version of bpg/proxmox from which on disks are imported by the API.
const ProviderVersion = ">= 0.80.0"

const resource = "proxmox_virtual_environment_vm"

// Render returns the configuration of the VMs on a node, in the order in which they are to be read. endpoint
// is the address of the node's web interface.
func Render(node, endpoint string, specs []vms.Spec) []File {
	return []File{
		{"versions.tf", versions(endpoint)},
		{"vms.tf", machines(node, specs)},
		{"imports.tf", imports(node, specs)},
	}
}

func versions(endpoint string) string {
	w := &body{}
	w.block("terraform", func(w *body) {
		w.text("required_version", ">= 1.6.0")
		w.block("required_providers", func(w *body) {
			w.set("proxmox", "{\n      source  = \"bpg/proxmox\"\n      version = "+quote(ProviderVersion)+"\n    }")
		})
	})
	w.blank()
	w.comment("The token comes from the environment: PROXMOX_VE_API_TOKEN=USER@REALM!NAME=SECRET.")
	w.comment("Take one of your own, not waddled's. The node's CA is /etc/pve/pve-root-ca.pem.")
	w.beneath(`provider "proxmox"`, func(w *body) { w.text("endpoint", endpoint) })
	return w.String()
}

// imports make the VMs that are there OpenTofu's, without a change to them.
func imports(node string, specs []vms.Spec) string {
	w := &body{}
	w.comment("tofu plan shows what would be imported; once it was, this file can go. See \"Away from waddle\" in")
	w.comment("waddle's docs/proxmox.md for who may change the VMs then.")
	for _, s := range specs {
		w.block("import", func(w *body) {
			w.set("to", resource+"."+label(s.Name))
			w.text("id", fmt.Sprintf("%s/%d", node, s.ID))
		})
	}
	return w.String()
}

// label is a name as HCL takes it as an identifier.
func label(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "vm_" + name
	}
	return name
}

func addresses(list []netip.Addr) []string {
	all := make([]string, len(list))
	for i, a := range list {
		all[i] = a.String()
	}
	return all
}
