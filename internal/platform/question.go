package platform

import (
	"fmt"
	"net/netip"
	"reflect"
)

// Question asks for one value that cannot be seen on the host.
type Question struct {
	Path     string `json:"path"`              // of the value, for Set
	Prompt   string `json:"prompt"`            // what to ask, without a question mark or colon
	Default  string `json:"default,omitempty"` // the answer when the operator just presses return
	Allowed  string `json:"allowed"`           // what would be a right answer, in one line
	Required bool   `json:"required"`          // there is no default: the platform is not valid without an answer
}

// Check reports what is wrong with an answer, without changing a platform. The
// value is judged by itself; Validate finds contradictions with others.
func (q Question) Check(answer string) error {
	if answer == "" && !q.Required {
		return nil
	}
	return Set(&Platform{}, q.Path, answer)
}

type asking struct{ list []Question }

func (a *asking) ask(path, prompt, def string) {
	a.list = append(a.list, Question{Path: path, Prompt: prompt, Default: def, Allowed: allowedAt(path), Required: def == ""})
}

func (a *asking) askUplink(address netip.Prefix, gateway netip.Addr) {
	a.ask("spec.network.public.ipv4.address", "The host's public IPv4 address with its prefix length", textOf(address))
	a.ask("spec.network.public.ipv4.gateway", "Its gateway", textOf(gateway))
}

// textOf is empty for what is not there.
func textOf[T interface {
	IsValid() bool
	String() string
}](v T) string {
	if !v.IsValid() {
		return ""
	}
	return v.String()
}

// rest asks for what no host can show.
func (a *asking) rest(p *Platform) {
	d := Defaults()
	a.ask("spec.dns.domain", "Domain of the platform", string(d.Spec.DNS.Domain))
	if len(p.Spec.Host.SSH.AuthorizedKeys) == 0 {
		a.ask("spec.host.ssh.authorizedKeys[0]", "Your SSH public key (the line of your .pub file)", "")
	}
	a.ask("spec.network.flexibleIP.address", "Flexible IP of the Teleport VM", "")
	a.ask("spec.network.flexibleIP.mac", "Virtual MAC of the flexible IP, from the provider's console", "")
	if g := p.Spec.Network.Public.IPv4.Gateway; g.IsValid() {
		a.ask("spec.network.flexibleIP.gateway", "Gateway of the flexible IP", g.String())
	}
	a.ask("spec.teleport.githubOrganization", "GitHub organization whose members may log in", string(d.Spec.Teleport.GitHubOrganization))
	a.ask("spec.teleport.teams[0].team", "GitHub team that administers the platform (its slug)", "")
	a.ask("spec.gitops.repository", "Git repository of the platform", string(d.Spec.GitOps.Repository))
}

// allowedAt is what the value at path may be.
func allowedAt(path string) string {
	v, err := reach(reflect.ValueOf(&Platform{}).Elem(), path)
	if err != nil {
		return ""
	}
	return allowedFor(v.Type())
}

// seen reports whether a value that was seen on the host may stand in a platform.
func seen[T any](v T) bool {
	message, _ := wrongLeaf(reflect.ValueOf(v))
	return message == ""
}

// Set writes one value into p, given as the text of its YAML scalar. Lists and
// optional parts on the way are made; a list's element may be the next after its last.
func Set(p *Platform, path, text string) error {
	v, err := reach(reflect.ValueOf(p).Elem(), path)
	if err != nil {
		return fmt.Errorf("cannot set %s: %w", path, err)
	}
	r, leaf := ruleOf(v.Type())
	if !leaf {
		return fmt.Errorf("cannot set %s: it is no single value; allowed: %s", path, allowedFor(v.Type()))
	}
	fresh := reflect.New(v.Type()).Elem()
	if message := newDecoder().set(fresh, text, r); message != "" {
		return fmt.Errorf("cannot set %s: %s; allowed: %s", path, message, r.allowed)
	}
	v.Set(fresh)
	return nil
}
