package pve

import (
	"maps"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (s *Server) listRoles(*request) (any, error) {
	all := []map[string]any{}
	own := builtin()
	for _, name := range slices.Sorted(maps.Keys(own)) {
		all = append(all, map[string]any{"roleid": name, "privs": strings.Join(own[name], ","), "special": 1})
	}
	for _, name := range slices.Sorted(maps.Keys(s.st.Roles)) {
		all = append(all, map[string]any{"roleid": name, "privs": strings.Join(s.st.Roles[name], ","), "special": 0})
	}
	return all, nil
}

func (s *Server) readRole(r *request) (any, error) {
	privs, ok := s.role(r.text("roleid"))
	if !ok {
		return nil, die("role '%s' does not exist", r.text("roleid"))
	}
	all := map[string]int{}
	for _, p := range privs {
		all[p] = 1
	}
	return all, nil
}

func (s *Server) createRole(r *request) (any, error) {
	name := r.text("roleid")
	if _, there := s.role(name); there {
		return nil, die("create role failed: role '%s' already exists", name)
	}
	if strings.HasPrefix(strings.ToUpper(name), "PVE") {
		return nil, wrongParam("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
	}
	s.st.Roles[name] = privList(r.text("privs"))
	return nil, nil
}

func (s *Server) updateRole(r *request) (any, error) {
	name := r.text("roleid")
	if _, own := builtin()[name]; own {
		return nil, die("update role failed: auto-generated role '%s' cannot be modified", name)
	}
	had, ok := s.st.Roles[name]
	if !ok {
		return nil, die("update role failed: role '%s' does not exist", name)
	}
	privs := privList(r.text("privs"))
	if r.bool("append", false) {
		privs = privList(strings.Join(append(privs, had...), ","))
	}
	s.st.Roles[name] = privs
	return nil, nil
}

func (s *Server) deleteRole(r *request) (any, error) {
	name := r.text("roleid")
	if _, own := builtin()[name]; own {
		return nil, die("delete role failed: auto-generated role '%s' cannot be deleted", name)
	}
	if _, ok := s.st.Roles[name]; !ok {
		return nil, die("delete role failed: role '%s' does not exist", name)
	}
	delete(s.st.Roles, name)
	s.st.ACL = slices.DeleteFunc(s.st.ACL, func(a acl) bool { return a.Role == name })
	return nil, nil
}

func privList(text string) []string {
	privs := schema.List(text)
	slices.Sort(privs)
	return slices.Compact(privs)
}
