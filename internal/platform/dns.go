package platform

import (
	"fmt"
	"strings"
)

// DNS is the names under which the platform is reached (plan: DNS Records).
type DNS struct {
	// The domain. All other names are below it.
	Domain Domain `json:"domain"`
	// Name of Teleport's web and proxy address; the cluster's name as well, so it cannot change later. Default: teleport.DOMAIN.
	Teleport Domain `json:"teleport"`
	// Name of the Proxmox UI behind Teleport. Default: proxmox.DOMAIN.
	Proxmox Domain `json:"proxmox"`
	// Parent of the names of public services, *.apps. Default: apps.DOMAIN.
	Apps Domain `json:"apps"`
	// Who serves the domain.
	Provider DNSProvider `json:"provider"`
}

// DNSProvider serves the domain.
type DNSProvider string

// Cloudflare in its DNS-only mode, the plan's provider.
const Cloudflare DNSProvider = "cloudflare"

func (DNSProvider) rule() rule { return oneOf(string(Cloudflare)) }

// TLS is where certificates for public names come from (plan: TLS and Certificate Management).
type TLS struct {
	// Directory of the ACME server.
	ACMEDirectory HTTPS `json:"acmeDirectory"`
	// Address for the certificate authority's notices. May be left out.
	Email Email `json:"email,omitempty"`
}

func (d *DNS) fill() {
	or(&d.Domain, "waddle.social")
	or(&d.Teleport, "teleport."+d.Domain)
	or(&d.Proxmox, "proxmox."+d.Domain)
	or(&d.Apps, "apps."+d.Domain)
	or(&d.Provider, Cloudflare)
}

func (t *TLS) fill() { or(&t.ACMEDirectory, "https://acme-v02.api.letsencrypt.org/directory") }

func (d *DNS) check(f *faults) {
	names := []place[Domain]{
		{"spec.dns.teleport", d.Teleport},
		{"spec.dns.proxmox", d.Proxmox},
		{"spec.dns.apps", d.Apps},
	}
	for _, n := range names {
		if !n.value.below(d.Domain) {
			f.add(n.path, fmt.Sprintf("%s is not below %s, which {other} says", n.value, d.Domain), "a name that ends in ."+string(d.Domain), "spec.dns.domain")
		}
	}
	distinct(f, names, "names two things: also {other}", "three different names")
	// HAProxy sends every name below apps to the cluster's gateway, so Teleport would never see these.
	for _, n := range names[:2] {
		if n.value.below(d.Apps) {
			f.add(n.path, fmt.Sprintf("%s is below %s, which {other} says: HAProxy would send it to the cluster, not to Teleport", n.value, d.Apps),
				"a name outside ."+string(d.Apps), "spec.dns.apps")
		}
	}
}

// below reports whether d is a name below parent.
func (d Domain) below(parent Domain) bool { return strings.HasSuffix(string(d), "."+string(parent)) }
