package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// entry is one line of Proxmox's ACL.
type entry struct {
	Path      string
	Type      string // user, group or token
	Ugid      string
	Roleid    string
	Propagate rest.Int
}

func (s *Setup) userACL(ctx context.Context) error { return s.acl(ctx, "user", "users", User) }

// acl gives a user or token exactly the wanted roles: what it has beside them goes.
func (s *Setup) acl(ctx context.Context, kind, param, who string) error {
	var list []entry
	if err := s.o.Root.Call(ctx, "get", "/access/acl", nil, &list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e entry) bool { return e.Type != kind || e.Ugid != who })
	for _, g := range s.o.Grants {
		want := entry{g.Path, kind, who, g.role(), 1}
		if slices.Contains(list, want) {
			continue
		}
		err := s.change("grant a role", fmt.Sprintf("%s %s: has %s on %s", kind, who, g.role(), g.Path), func() error { return s.setACL(ctx, param, want, false) })
		if err != nil {
			return err
		}
	}
	for _, e := range list {
		if slices.ContainsFunc(s.o.Grants, func(g Grant) bool { return g.Path == e.Path && g.role() == e.Roleid }) {
			continue
		}
		err := s.change("take a role away", fmt.Sprintf("%s %s: has %s on %s no more", kind, who, e.Roleid, e.Path), func() error { return s.setACL(ctx, param, e, true) })
		if err != nil && !strings.Contains(err.Error(), "does not exist") { // it went with its role
			return err
		}
	}
	return nil
}

func (s *Setup) setACL(ctx context.Context, param string, e entry, remove bool) error {
	params := [][2]string{{"path", e.Path}, {param, e.Ugid}, {"roles", e.Roleid}, {"propagate", "1"}}
	if remove {
		params = append(params, [2]string{"delete", "1"})
	}
	return s.o.Root.Call(ctx, "set", "/access/acl", params, nil)
}
