package pve

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

var aclPath = regexp.MustCompile(`^(/|/access|/access/(groups|realm)(/[[:alnum:]._-]+)?|/nodes(/[[:alnum:]._-]+)?|/pool(/[A-Za-z0-9._-]+){0,3}|/sdn|/sdn/(zones|vnets)(/[[:alnum:]._-]+){0,2}(/[1-9][0-9]{0,3})?|/storage(/[[:alnum:]._-]+)?|/vms(/[1-9][0-9]{2,})?|/mapping(/[[:alnum:]._-]+){0,2})$`)

func (s *Server) readACL(r *request) (any, error) {
	all := []map[string]any{}
	audit := s.need(r.user, "/access", "Sys.Audit") == nil
	for _, a := range s.st.ACL {
		if audit || s.mayGrant(r.user, a.Path) == nil {
			all = append(all, map[string]any{"path": a.Path, "type": a.Type, "ugid": a.UGID, "roleid": a.Role, "propagate": b2i(a.Propagate)})
		}
	}
	return all, nil
}

func (s *Server) updateACL(r *request) (any, error) {
	if !r.p.Has("users") && !r.p.Has("groups") && !r.p.Has("tokens") {
		text := "either 'users', 'groups' or 'tokens' is required."
		return nil, wrongParams(map[string]string{"users": text, "groups": text, "tokens": text})
	}
	remove := r.bool("delete", false)
	path := "/" + strings.Trim(r.text("path"), "/")
	if !strings.HasPrefix(r.text("path"), "/") || !remove && !aclPath.MatchString(path) {
		return nil, wrongParam("path", "invalid ACL path '%s'", r.text("path"))
	}
	for _, g := range schema.List(r.text("groups")) {
		return nil, die("ACL update failed: group '%s' does not exist", g)
	}
	entries, err := s.entries(r, path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		s.st.ACL = slices.DeleteFunc(s.st.ACL, func(a acl) bool { return a.Path == e.Path && a.UGID == e.UGID && a.Role == e.Role })
		if !remove {
			s.st.ACL = append(s.st.ACL, e)
		}
	}
	slices.SortStableFunc(s.st.ACL, func(a, b acl) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.UGID, b.UGID), cmp.Compare(a.Role, b.Role))
	})
	return nil, nil
}

// entries are what a call would add or remove: each role for each user and token.
func (s *Server) entries(r *request, path string) ([]acl, error) {
	var all []acl
	propagate := r.bool("propagate", true)
	for _, role := range schema.List(r.text("roles")) {
		if _, ok := s.role(role); !ok {
			return nil, die("ACL update failed: role '%s' does not exist", role)
		}
		if err := s.mayHandOut(r, path, role, propagate); err != nil {
			return nil, err
		}
		for _, u := range schema.List(r.text("users")) {
			if s.st.Users[u] == nil {
				return nil, die("ACL update failed: user '%s' does not exist", u)
			}
			all = append(all, acl{path, "user", u, role, propagate})
		}
		for _, t := range schema.List(r.text("tokens")) {
			name, id, _ := strings.Cut(t, "!")
			if u := s.st.Users[name]; u == nil || u.Tokens[id] == nil {
				return nil, die("ACL update failed: no such token '%s' for user '%s'", id, name)
			}
			all = append(all, acl{path, "token", t, role, propagate})
		}
	}
	return all, nil
}

// mayHandOut: who may only allocate on a path hands out no more than they have there.
func (s *Server) mayHandOut(r *request, path, role string, propagate bool) error {
	have := s.privileges(r.user, path)
	if _, ok := have["Permissions.Modify"]; ok {
		return nil
	}
	verb := "add"
	if r.bool("delete", false) {
		verb = "remove"
	}
	if role == "NoAccess" {
		return wrongParam("role", "Cannot %s role '%s' - requires 'Permissions.Modify'", verb, role)
	}
	privs, _ := s.role(role)
	for _, p := range privs {
		propagates, ok := have[p]
		if !ok {
			return wrongParam("role", "Cannot %s role '%s' - requires 'Permissions.Modify' or superset of privileges.", verb, role)
		}
		if propagate && !propagates && verb == "add" {
			return wrongParam("role", "Cannot %s role '%s' with propagation - requires 'Permissions.Modify' or propagated superset of privileges.", verb, role)
		}
	}
	return nil
}
