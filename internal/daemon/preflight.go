package daemon

import (
	"context"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/preflight"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// preflight looks where the drivers work.
func (p *parts) preflight() preflight.Sources {
	name, _ := os.Hostname() // without one the document's node is all there is
	short, _, _ := strings.Cut(name, ".")
	return preflight.Sources{
		Platform: func() (*platform.Platform, error) {
			_, doc, _, err := p.store.Read()
			return doc, err
		},
		Node:     short,
		Network:  p.network.Preflight,
		Storage:  p.storagePreflight,
		Bridges:  bridges,
		Proxmox:  func(node string) *rest.Client { return proxmox.Client(node, rest.TokenFile(access.DefaultTokenFile)) },
		Free:     free,
		StateDir: p.c.StateDir,
	}
}

// storagePreflight is of the pool and of the kernel's iSCSI target. Dataset and target are made by phase 1.
func (p *parts) storagePreflight(ctx context.Context) []preflight.Check {
	s, err := p.storage.Status(ctx)
	if err != nil {
		return []preflight.Check{{Name: "storage.zfs", State: preflight.Unknown, Detail: "not looked at: " + err.Error()}}
	}
	return []preflight.Check{poolCheck(s), targetCheck(s)}
}

func poolCheck(s storage.Status) preflight.Check {
	c := preflight.Check{Name: "storage.zfs", State: preflight.Missing}
	switch {
	case s.Pool.Health == "":
		c.Detail, c.Remedy = "the pool cannot be read: "+strings.Join(s.Faults, "; "), "is zfsutils-linux installed and spec.host.pool right? See zpool list"
	case s.Pool.Health != "ONLINE":
		c.Detail, c.Remedy = "the pool "+s.Pool.Name+" is "+s.Pool.Health, "zpool status -x"
	case s.Pool.ReadOnly:
		c.Detail, c.Remedy = "the pool "+s.Pool.Name+" is imported read-only", "zpool export and import it again"
	default:
		c.State, c.Detail = preflight.OK, "the pool "+s.Pool.Name+" is ONLINE"
	}
	return c
}

func targetCheck(s storage.Status) preflight.Check {
	switch {
	case s.Target.Ready:
		return preflight.Check{Name: "storage.iscsi", State: preflight.OK, Detail: "the kernel's iSCSI target is set up"}
	case !s.Present:
		return preflight.Check{Name: "storage.iscsi", State: preflight.OK, Detail: "the kernel's iSCSI target is not set up yet: phase 1 does it"}
	}
	return preflight.Check{Name: "storage.iscsi", State: preflight.Missing, Detail: s.Target.Reason, Remedy: "waddle apply --through 1; every Proxmox VE kernel has target_core_mod and iscsi_target_mod"}
}

func bridges() ([]string, error) {
	links, err := netlink.LinkList()
	var names []string
	for _, l := range links {
		if l.Type() == "bridge" {
			names = append(names, l.Attrs().Name)
		}
	}
	return names, err
}

func free(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Bavail) * s.Bsize, err
}
