package platform

import (
	"net/url"
	"regexp"
)

var (
	httpsRE = regexp.MustCompile(`^https://[^/?#\s]+[^?#\s]*$`)
	repoRE  = regexp.MustCompile(`^(ssh|https)://[^\s]+$`)
	chartRE = regexp.MustCompile(`^(oci|https)://[^/?#\s]+/?[^?#\s]*$`)
	imageRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*$`)
	refRE   = regexp.MustCompile(`^op://[^/\s][^/]*/[^/\s][^/]*(/[^/\s][^/]*){0,2}$`)
)

// HTTPS is an address of a web service, without user, query or fragment.
type HTTPS string

func (HTTPS) rule() rule {
	return matching(httpsRE, 300, "an https:// address", "an https:// address without user, query and fragment", "https://factory.talos.dev")
}

func (h HTTPS) wrong() string { return wrongURL(string(h)) }

// Repository is the address of a Git repository as Flux takes it.
type Repository string

func (Repository) rule() rule {
	return matching(repoRE, 300, "a repository's address", "ssh:// or https://, not git@host:path", "ssh://git@github.com/waddle-social/platform.git")
}

// scpRE is the form that git clone takes and Flux refuses.
var scpRE = regexp.MustCompile(`^([A-Za-z0-9._-]+@[A-Za-z0-9.-]+):([^/].*)$`)

func (r Repository) wrong() string {
	if m := scpRE.FindStringSubmatch(string(r)); m != nil {
		return quote(string(r), rule{}) + " is not a URL: did you mean ssh://" + m[1] + "/" + m[2] + "?"
	}
	if u, err := url.Parse(string(r)); err == nil && u.Path == "" {
		return quote(string(r), rule{}) + " names no repository"
	}
	return wrongURL(string(r))
}

// ChartSource is where a Helm chart comes from.
type ChartSource string

func (ChartSource) rule() rule {
	return matching(chartRE, 300, "a chart's source", "an https:// repository or an oci:// chart", "https://helm.cilium.io")
}

func (c ChartSource) wrong() string { return wrongURL(string(c)) }

// Registry is a container registry, optionally with a path.
type Registry string

func (Registry) rule() rule {
	return matching(imageRE, 200, "a registry", "a registry's host, optionally with a port and a path", "ghcr.io/fluxcd")
}

// Reference says where a secret is, in 1Password's own form.
type Reference string

func (Reference) rule() rule {
	r := matching(refRE, 300, "a reference", "a reference op://VAULT/ITEM or op://VAULT/ITEM/FIELD, never the secret itself", "op://waddle-platform/cloudflare/token")
	r.secret = true
	return r
}

func wrongURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return quote(s, rule{}) + " is not a URL"
	}
	if _, has := u.User.Password(); has {
		return "the URL holds a password (not shown)"
	}
	if u.Hostname() == "" {
		return quote(s, rule{}) + " names no host"
	}
	return ""
}
