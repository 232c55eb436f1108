package pve

import (
	"regexp"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// privileges returns what a user or token may do on a path: each privilege with whether it
// propagates. A token with privilege separation has only what its owner has too.
func (s *Server) privileges(who, path string) map[string]bool {
	if who == "root@pam" {
		all := map[string]bool{}
		for p := range schema.Privileges {
			all[p] = true
		}
		return all
	}
	name, id, isToken := strings.Cut(who, "!")
	if !isToken {
		return s.ofRoles(s.rolesOn(who, path))
	}
	u := s.st.Users[name]
	if u == nil || u.Tokens[id] == nil {
		return nil
	}
	owned := s.privileges(name, path)
	if !u.Tokens[id].Privsep {
		return owned
	}
	both := map[string]bool{}
	for p, propagates := range s.ofRoles(s.rolesOn(who, path)) {
		if ownPropagates, ok := owned[p]; ok {
			both[p] = propagates && ownPropagates
		}
	}
	return both
}

func (s *Server) ofRoles(roles map[string]bool) map[string]bool {
	all := map[string]bool{}
	for role, propagates := range roles {
		privs, _ := s.role(role)
		for _, p := range privs {
			all[p] = all[p] || propagates
		}
	}
	return all
}

// rolesOn walks the path from the root: roles that propagate go down until an entry further
// down replaces them, and NoAccess beats everything. Pools add to what their members have.
func (s *Server) rolesOn(who, path string) map[string]bool {
	roles := s.rolesAlong(who, path)
	if _, no := roles["NoAccess"]; no {
		return map[string]bool{"NoAccess": roles["NoAccess"]}
	}
	for _, p := range s.poolsOf(path) {
		for role := range s.rolesAlong(who, "/pool/"+p) {
			if _, there := roles[role]; !there {
				roles[role] = false
			}
		}
	}
	return roles
}

func (s *Server) rolesAlong(who, path string) map[string]bool {
	roles := map[string]bool{}
	for _, at := range prefixes(path) {
		here := map[string]bool{}
		for _, a := range s.st.ACL {
			if a.UGID == who && a.Path == at && (at == path || a.Propagate) {
				here[a.Role] = a.Propagate
			}
		}
		if len(here) > 0 {
			roles = here
		}
	}
	return roles
}

func prefixes(path string) []string {
	all := []string{"/"}
	at := ""
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if part != "" {
			at += "/" + part
			all = append(all, at)
		}
	}
	return all
}

func (s *Server) poolsOf(path string) []string {
	var all []string
	for name, p := range s.st.Pools {
		id, isVM := strings.CutPrefix(path, "/vms/")
		store, isStore := strings.CutPrefix(path, "/storage/")
		if isVM && p.VMs[atoi(id)] || isStore && p.Storage[store] {
			all = append(all, name)
		}
	}
	return all
}

// need refuses who does not have all privileges on the path.
func (s *Server) need(who, path string, privs ...string) error {
	have := s.privileges(who, path)
	for _, p := range privs {
		if _, ok := have[p]; !ok {
			return forbidden(path + ", " + p)
		}
	}
	return nil
}

// needAny refuses who has none of the privileges on the path.
func (s *Server) needAny(who, path string, privs ...string) error {
	have := s.privileges(who, path)
	for _, p := range privs {
		if _, ok := have[p]; ok {
			return nil
		}
	}
	return forbidden(path + ", " + strings.Join(privs, "|"))
}

// needVM is need on a VM, or on the pool that it is made in.
func (s *Server) needVM(who string, vmid int, pool string, privs ...string) error {
	if pool != "" && s.need(who, "/pool/"+pool, privs...) == nil {
		return nil
	}
	return s.need(who, vmPath(vmid), privs...)
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func fill(path string, p schema.Values) string {
	return placeholder.ReplaceAllStringFunc(path, func(m string) string { return p.Text(strings.Trim(m, "{}")) })
}

// allowed applies the rule of a call.
func (s *Server) allowed(who string, rule schema.Check, p schema.Values) error {
	switch rule := rule.(type) {
	case schema.Perm:
		if rule.When != "" && !p.Has(rule.When) {
			return forbidden("")
		}
		if rule.AnyOf {
			return s.needAny(who, fill(rule.Path, p), rule.Privs...)
		}
		return s.need(who, fill(rule.Path, p), rule.Privs...)
	case schema.AllOf:
		for _, r := range rule {
			if err := s.allowed(who, r, p); err != nil {
				return err
			}
		}
	case schema.OneOf:
		for _, r := range rule {
			if s.allowed(who, r, p) == nil {
				return nil
			}
		}
		return forbidden("")
	case schema.UserParam:
		if rule == "self" {
			return unless(who == p.Text("userid"), "")
		}
		_, realm, _ := strings.Cut(p.Text("userid"), "@")
		return s.need(who, "/access/realm/"+realm, string(rule))
	case schema.UserGroup:
		return s.needAny(who, "/access/groups", rule.Privs...)
	case schema.Modify:
		return s.mayGrant(who, fill(rule.Path, p))
	}
	return nil
}

func unless(ok bool, what string) error {
	if ok {
		return nil
	}
	return forbidden(what)
}

func (s *Server) mayGrant(who, path string) error {
	privs := []string{"Permissions.Modify"}
	for prefix, priv := range map[string]string{"/storage/": "Datastore.Allocate", "/vms/": "VM.Allocate", "/pool/": "Pool.Allocate"} {
		if strings.HasPrefix(path, prefix) {
			privs = append(privs, priv)
		}
	}
	return s.needAny(who, path, privs...)
}
