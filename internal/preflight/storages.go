package preflight

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

type storage struct {
	Storage         string
	Content         string
	Active, Enabled rest.Int
	Avail           rest.Int
}

// need is what one of the platform's storages is for.
type need struct {
	name    string // of the check
	key     string // of the document
	storage string
	content string
	room    int64 // bytes that have to be free
	what    string
}

// imageRoom is what both images take, with a margin for newer ones.
const imageRoom = 2 << 30

func storages(ctx context.Context, l *list, c *rest.Client, p *platform.Platform) {
	h := p.Spec.Host
	disks, err := wanted(ctx, c, p)
	if err != nil {
		l.missing("storage.disks", err.Error(), "see proxmox.privileges and proxmox.node")
		disks = 0
	}
	var list []storage
	at := "/nodes/" + url.PathEscape(string(h.Node)) + "/storage"
	if err := c.Do(ctx, http.MethodGet, at, nil, &list); err != nil {
		for _, name := range []string{"storage.images", "storage.snippets", "storage.disks"} {
			l.missing(name, err.Error(), "see proxmox.privileges and proxmox.node")
		}
		return
	}
	for _, n := range []need{
		{"storage.images", "spec.host.storages.images", string(h.Storages.Images), "import", imageRoom, "the images"},
		{"storage.snippets", "spec.host.storages.snippets", string(h.Storages.Snippets), "snippets", 0, "cloud-init"},
		{"storage.disks", "spec.host.storages.disks", string(h.Storages.Disks), "images", disks, "the disks of VMs that are not there yet"},
	} {
		n.check(l, list)
	}
}

func (n need) check(l *list, all []storage) {
	i := slices.IndexFunc(all, func(s storage) bool { return s.Storage == n.storage })
	if i < 0 {
		l.missing(n.name, fmt.Sprintf("there is no storage %s that the token may see", n.storage), "pvesm status lists them; correct "+n.key+", or add it")
		return
	}
	s := all[i]
	types := strings.FieldsFunc(s.Content, func(r rune) bool { return r == ',' || r == ' ' })
	slices.Sort(types)
	switch {
	case s.Enabled == 0:
		l.missing(n.name, n.storage+" is disabled", "pvesm set "+n.storage+" --disable 0")
	case s.Active == 0:
		l.missing(n.name, n.storage+" is not mounted or its pool is not imported", "pvesm status; zpool import")
	case !slices.Contains(types, n.content):
		l.missing(n.name, fmt.Sprintf("%s has the content types %s, not %s", n.storage, strings.Join(types, ","), n.content),
			fmt.Sprintf("pvesm set %s --content %s", n.storage, strings.Join(append(types, n.content), ",")))
	case int64(s.Avail) < n.room:
		l.missing(n.name, fmt.Sprintf("%s are free in %s, %s take up to %s", size(int64(s.Avail)), n.storage, n.what, size(n.room)), "make room, or make the disks of the document smaller")
	default:
		l.ok(n.name, "%s takes %s; %s are free", n.storage, n.content, size(int64(s.Avail)))
	}
}

// wanted is how many bytes the disks of the VMs take that are not there yet.
func wanted(ctx context.Context, c *rest.Client, p *platform.Platform) (bytes int64, err error) {
	var list []struct{ Vmid rest.Int }
	if err := c.Do(ctx, http.MethodGet, "/nodes/"+url.PathEscape(string(p.Spec.Host.Node))+"/qemu", nil, &list); err != nil {
		return 0, err
	}
	there := map[int64]bool{}
	for _, vm := range list {
		there[int64(vm.Vmid)] = true
	}
	for _, m := range append([]platform.Machine{p.Spec.TeleportVM()}, p.Spec.Nodes()...) {
		if !there[int64(m.ID)] {
			bytes += int64(m.Disk)
		}
	}
	return bytes, nil
}
