package pve

import (
	"crypto/subtle"
	"strings"
)

func (s *Server) accessIndex(*request) (any, error) {
	return index("users", "groups", "acl", "roles", "ticket", "permissions"), nil
}

func index(names ...string) []map[string]string {
	all := []map[string]string{}
	for _, n := range names {
		all = append(all, map[string]string{"subdir": n})
	}
	return all
}

func nothing(*request) (any, error) { return nil, nil }

// login gives a ticket for a password, or a fresh one for a ticket.
func (s *Server) login(r *request) (any, error) {
	name := r.text("username")
	if realm := r.text("realm"); realm != "" && !strings.Contains(name, "@") {
		name += "@" + realm
	}
	password := r.text("password")
	u, err := s.enabled(name)
	if err != nil {
		return nil, unauthenticated("authentication failure")
	}
	holder, terr := s.checkTicket(password)
	if (terr != nil || holder != name) && subtle.ConstantTimeCompare([]byte(u.Password), []byte(hashed(name, password))) != 1 {
		return nil, unauthenticated("authentication failure")
	}
	return map[string]any{
		"ticket": s.ticket(name), "CSRFPreventionToken": s.csrf(name), "username": name, "cap": s.capabilities(name),
	}, nil
}

// capabilities are the privileges by area, what the web interface shows menus by.
func (s *Server) capabilities(who string) map[string]map[string]int {
	caps := map[string]map[string]int{}
	for area, path := range map[string]string{"dc": "/", "nodes": "/nodes", "vms": "/vms", "storage": "/storage", "access": "/access", "sdn": "/sdn", "mapping": "/mapping"} {
		caps[area] = map[string]int{}
		for p := range s.privileges(who, path) {
			caps[area][p] = 1
		}
	}
	return caps
}

// permissions are the privileges by path.
func (s *Server) permissions(r *request) (any, error) {
	who := r.text("userid")
	if who == "" {
		who = r.user
	} else if who != r.user && owner(who) != r.user {
		if err := s.need(r.user, "/access", "Sys.Audit"); err != nil {
			return nil, err
		}
	}
	paths := []string{"/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"}
	for _, a := range s.st.ACL {
		paths = append(paths, a.Path)
	}
	if one := r.text("path"); one != "" {
		paths = []string{one}
	}
	all := map[string]map[string]int{}
	for _, path := range paths {
		here := map[string]int{}
		for p, propagates := range s.privileges(who, path) {
			here[p] = b2i(propagates)
		}
		if len(here) > 0 || r.text("path") != "" {
			all[path] = here
		}
	}
	return all, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
