package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// User is who waddled is in Proxmox.
const User = "waddle@pve"

// DefaultTokenFile is where the daemon looks for its token.
const DefaultTokenFile = "/etc/waddle/proxmox-token"

// Grant is what is allowed on a path of the ACL and below.
type Grant struct {
	Path       string
	Privileges []string
}

// role is named after its path: /sdn/zones has waddle-sdn-zones, / has waddle-root.
func (g Grant) role() string {
	if g.Path == "/" {
		return "waddle-root"
	}
	return "waddle" + strings.ReplaceAll(g.Path, "/", "-")
}

// Options say what is to be there.
type Options struct {
	Root      Root
	Grants    []Grant
	TokenFile string
	// Verify uses a token; ErrRefused in its error means that Proxmox does not take it.
	Verify func(ctx context.Context, token string) error
	Rotate bool                  // make a new token even though the old one is good
	DryRun bool                  // change nothing, only say what would be changed
	Say    func(change string)   // called after each change; may be nil
	Seam   func(op string) error // passed by every side effect; may be nil
}

// Setup makes roles, user, ACL and token as they have to be. It looks first, and changes what differs.
type Setup struct {
	o       Options
	changes int
}

// Run returns the number of changes. Two at once wait for each other; one that was killed is finished by the
// next.
func Run(ctx context.Context, o Options) (changes int, err error) {
	s := &Setup{o: o}
	unlock, err := s.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	for _, step := range []func(context.Context) error{s.roles, s.user, s.userACL, s.token} {
		if err := step(ctx); err != nil {
			return s.changes, fmt.Errorf("cannot set up the access to Proxmox: %w", err)
		}
	}
	return s.changes, nil
}

// change makes one change, and says so.
func (s *Setup) change(op, what string, f func() error) error {
	if !s.o.DryRun {
		if s.o.Seam != nil {
			if err := s.o.Seam(op); err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
		}
		if err := f(); err != nil {
			return err
		}
	}
	s.changes++
	if s.o.Say != nil {
		s.o.Say(what)
	}
	return nil
}

func (s *Setup) roles(ctx context.Context) error {
	var list []struct{ Roleid, Privs string }
	if err := s.o.Root.Call(ctx, "get", "/access/roles", nil, &list); err != nil {
		return err
	}
	have := map[string][]string{}
	for _, r := range list {
		have[r.Roleid] = split(r.Privs)
	}
	for _, g := range s.o.Grants {
		want := slices.Compact(slices.Sorted(slices.Values(g.Privileges)))
		is, there := have[g.role()]
		privs := [2]string{"privs", strings.Join(want, ",")}
		var err error
		switch {
		case !there:
			err = s.change("make a role", fmt.Sprintf("role %s: made with %s", g.role(), privs[1]), func() error {
				return s.o.Root.Call(ctx, "create", "/access/roles", [][2]string{{"roleid", g.role()}, privs}, nil)
			})
		case !slices.Equal(is, want):
			err = s.change("change a role", fmt.Sprintf("role %s: %s", g.role(), differs(is, want)), func() error {
				return s.o.Root.Call(ctx, "set", "/access/roles/"+g.role(), [][2]string{privs}, nil)
			})
		}
		if err != nil {
			return err
		}
	}
	return s.staleRoles(ctx, slices.Sorted(maps.Keys(have)))
}

// staleRoles removes roles of an earlier version, which may allow more than is needed today.
func (s *Setup) staleRoles(ctx context.Context, have []string) error {
	for _, role := range have {
		wanted := slices.ContainsFunc(s.o.Grants, func(g Grant) bool { return g.role() == role })
		if wanted || !strings.HasPrefix(role, "waddle-") {
			continue
		}
		err := s.change("remove a role", fmt.Sprintf("role %s: removed, nothing needs it", role), func() error {
			return s.o.Root.Call(ctx, "delete", "/access/roles/"+role, nil, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Setup) user(ctx context.Context) error {
	var list []struct {
		Userid string
		Enable *rest.Int
		Expire rest.Int
	}
	if err := s.o.Root.Call(ctx, "get", "/access/users", nil, &list); err != nil {
		return err
	}
	for _, u := range list {
		if u.Userid != User {
			continue
		}
		if u.Enable != nil && *u.Enable == 0 || u.Expire != 0 {
			return fmt.Errorf("the user %s is disabled or expires, and somebody wanted that; if it may go on: pveum user modify %s --enable 1 --expire 0", User, User)
		}
		return nil
	}
	return s.change("make the user", "user "+User+": made, without a password", func() error {
		return s.o.Root.Call(ctx, "create", "/access/users", [][2]string{{"userid", User}, {"comment", "waddled, the daemon on this node"}}, nil)
	})
}

func split(list string) []string {
	parts := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
	slices.Sort(parts)
	return parts
}

// differs says what comes and what goes.
func differs(is, want []string) string {
	var parts []string
	for _, p := range want {
		if !slices.Contains(is, p) {
			parts = append(parts, "+"+p)
		}
	}
	for _, p := range is {
		if !slices.Contains(want, p) {
			parts = append(parts, "-"+p)
		}
	}
	return strings.Join(parts, " ")
}
