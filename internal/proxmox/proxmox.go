// Package proxmox is what the setup at the console, the daemon and the preflight agree on about Proxmox VE:
// where its API is, where the token is kept, and which privileges are needed for what.
//
// It owns nothing on the host.
package proxmox

import (
	"cmp"
	"slices"

	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/images"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Where Proxmox's API is on its own node, and what its certificate is checked against.
const (
	URL    = "https://127.0.0.1:8006/api2/json"
	CAFile = "/etc/pve/pve-root-ca.pem"
)

// Privilege is something that the daemon's token has to be allowed.
type Privilege struct {
	Path string // of the ACL, with propagation
	Name string
	For  string // what cannot be done without it
}

// Privileges are all that waddled's calls need, by path and name. What only an order of start needs
// (Sys.Modify on /, which allows much more) or a copy of a VM (VM.Clone) is not among them: the platform has neither.
func Privileges() []Privilege {
	var all []Privilege
	add := func(p Privilege) {
		i := slices.IndexFunc(all, func(x Privilege) bool { return x.Path == p.Path && x.Name == p.Name })
		if i < 0 {
			all = append(all, p)
			return
		}
		all[i].For += "; " + p.For
	}
	for _, p := range vms.Privileges() {
		if !p.Beside {
			add(Privilege{p.Path, p.Name, p.For})
		}
	}
	for _, p := range images.Privileges() {
		add(Privilege{p.Path, p.Name, p.For})
	}
	slices.SortFunc(all, func(a, b Privilege) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Grants is Privileges by path: one role each.
func Grants() []access.Grant {
	var all []access.Grant
	for _, p := range Privileges() {
		i := slices.IndexFunc(all, func(g access.Grant) bool { return g.Path == p.Path })
		if i < 0 {
			all = append(all, access.Grant{Path: p.Path})
			i = len(all) - 1
		}
		all[i].Privileges = append(all[i].Privileges, p.Name)
	}
	return all
}

// Client speaks to a node with a token. The token is asked for at each request.
func Client(node string, token func() (string, error)) *rest.Client {
	return rest.New(rest.Options{URL: URL, ServerName: node, CAFile: CAFile, Token: token})
}
