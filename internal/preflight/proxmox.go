package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

const setup = "run on the host, as root: waddled setup proxmox"

// after are the checks that need a token that works.
var after = []string{"proxmox.node", "proxmox.privileges", "storage.images", "storage.snippets", "storage.disks"}

func (s Sources) proxmox(ctx context.Context, l *list, p *platform.Platform) {
	c := s.Proxmox(string(p.Spec.Host.Node))
	defer c.Close()
	if !reach(ctx, l, c) || !token(ctx, l, c) {
		return
	}
	node(ctx, l, c, string(p.Spec.Host.Node))
	privileges(ctx, l, c)
	storages(ctx, l, c, p)
}

func reach(ctx context.Context, l *list, c *rest.Client) bool {
	err := c.Reach(ctx)
	var trust *rest.TrustError
	switch {
	case err == nil:
		l.ok("proxmox.api", "it answers")
		l.ok("proxmox.tls", "its certificate is the node's own CA's")
		return true
	case errors.As(err, &trust):
		l.ok("proxmox.api", "something answers")
		l.missing("proxmox.tls", err.Error(), "is spec.host.node the node's name? A new certificate: pvecm updatecerts --force; one of your own (pveproxy-ssl.pem) has to be signed by a CA in "+trust.CAFile)
	default:
		l.missing("proxmox.api", err.Error(), "systemctl status pveproxy; systemctl restart pveproxy")
		l.unknown("the API does not answer", "proxmox.tls")
	}
	l.unknown("the API cannot be used", append([]string{"proxmox.token"}, after...)...)
	return false
}

func token(ctx context.Context, l *list, c *rest.Client) bool {
	err := access.Try(ctx, c)
	var file *rest.TokenError
	switch {
	case err == nil:
		l.ok("proxmox.token", "Proxmox takes it")
		return true
	case errors.As(err, &file), errors.Is(err, access.ErrRefused): // expired, deleted, its user disabled: Proxmox's words say which
		l.missing("proxmox.token", err.Error(), setup)
	default:
		l.missing("proxmox.token", err.Error(), "journalctl -u pveproxy -u pvedaemon")
	}
	l.unknown("there is no token that works", after...)
	return false
}

func node(ctx context.Context, l *list, c *rest.Client, want string) {
	var list []struct{ Node string }
	if err := c.Do(ctx, http.MethodGet, "/nodes", nil, &list); err != nil {
		l.missing("proxmox.node", err.Error(), "journalctl -u pveproxy -u pvedaemon")
		return
	}
	var names []string
	for _, n := range list {
		names = append(names, n.Node)
	}
	if slices.Contains(names, want) {
		l.ok("proxmox.node", "%s is there", want)
		return
	}
	l.missing("proxmox.node", fmt.Sprintf("there is no node %s (there are: %s)", want, strings.Join(names, ", ")), "correct spec.host.node: it is the host's short name")
}

// privileges names each one that the token lacks, with what cannot be done without it.
func privileges(ctx context.Context, l *list, c *rest.Client) {
	may := map[string]map[string]rest.Int{}
	if err := c.Do(ctx, http.MethodGet, "/access/permissions", nil, &may); err != nil {
		l.missing("proxmox.privileges", err.Error(), setup)
		return
	}
	needed := proxmox.Privileges()
	lacking := 0
	for _, p := range needed {
		if !granted(may, p) {
			lacking++
			l.missing("proxmox.privileges", fmt.Sprintf("%s on %s is missing, for: %s", p.Name, p.Path, p.For), setup)
		}
	}
	if lacking == 0 {
		l.ok("proxmox.privileges", "the token has all %d", len(needed))
	}
}

// granted: the value of a privilege says whether it goes on below its path, which it has to. A role further up
// counts where nothing further down replaces it.
func granted(may map[string]map[string]rest.Int, p proxmox.Privilege) bool {
	for at := p.Path; ; at = above(at) {
		if privs, said := may[at]; said {
			return privs[p.Name] != 0
		}
		if at == "/" {
			return false
		}
	}
}

func above(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}
