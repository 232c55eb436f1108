package pve

import (
	"maps"
	"slices"
	"strings"
)

var userInfo = []string{"comment", "email", "firstname", "lastname", "keys"}

func (u *user) show(id string) map[string]any {
	m := map[string]any{"userid": id, "enable": b2i(u.Enable), "expire": u.Expire, "realm-type": "pve"}
	if strings.HasSuffix(id, "@pam") {
		m["realm-type"] = "pam"
	}
	for k, v := range u.Info {
		if v != "" {
			m[k] = v
		}
	}
	return m
}

func (s *Server) listUsers(r *request) (any, error) {
	all := []map[string]any{}
	sees := s.needAny(r.user, "/access/groups", "User.Modify", "Sys.Audit") == nil
	for _, id := range slices.Sorted(maps.Keys(s.st.Users)) {
		u := s.st.Users[id]
		if !sees && id != owner(r.user) || r.p.Has("enabled") && r.bool("enabled", true) != u.Enable {
			continue
		}
		m := u.show(id)
		if r.bool("full", false) {
			m["tokens"], m["groups"] = u.tokenList(), ""
		}
		all = append(all, m)
	}
	return all, nil
}

func (s *Server) createUser(r *request) (any, error) {
	id := r.text("userid")
	_, realm, _ := strings.Cut(id, "@")
	switch {
	case realm != "pve" && realm != "pam":
		return nil, die("create user failed: domain '%s' does not exist", realm)
	case s.st.Users[id] != nil:
		return nil, die("create user failed: user '%s' already exists", id)
	case r.text("groups") != "":
		return nil, die("create user failed: group '%s' does not exist", r.text("groups"))
	}
	u := &user{Info: map[string]string{}, Tokens: map[string]*token{}}
	if r.p.Has("password") {
		u.Password = hashed(id, r.text("password"))
	}
	u.update(r)
	s.st.Users[id] = u
	return nil, nil
}

func (u *user) update(r *request) {
	u.Enable = r.bool("enable", true)
	if r.p.Has("expire") {
		u.Expire = int64(r.p.Int("expire", 0))
	}
	for _, name := range userInfo {
		if r.p.Has(name) {
			u.Info[name] = r.text(name)
		}
	}
}

func (s *Server) theUser(r *request) (*user, error) {
	if u := s.st.Users[r.text("userid")]; u != nil {
		return u, nil
	}
	return nil, die("no such user ('%s')", r.text("userid"))
}

func (s *Server) readUser(r *request) (any, error) {
	u, err := s.theUser(r)
	if err != nil {
		return nil, err
	}
	m := u.show(r.text("userid"))
	delete(m, "userid")
	delete(m, "realm-type")
	tokens := map[string]any{}
	for id, t := range u.Tokens {
		tokens[id] = t.show()
	}
	m["groups"], m["tokens"] = []string{}, tokens
	return m, nil
}

func (s *Server) updateUser(r *request) (any, error) {
	u, err := s.theUser(r)
	if err != nil {
		return nil, err
	}
	if r.text("userid") == "root@pam" && !r.root() {
		return nil, forbidden("")
	}
	u.update(r)
	return nil, nil
}

func (s *Server) deleteUser(r *request) (any, error) {
	id := r.text("userid")
	if _, err := s.theUser(r); err != nil {
		return nil, die("delete user failed: user '%s' does not exist", id)
	}
	if id == "root@pam" {
		return nil, die("delete user failed: cannot delete root@pam")
	}
	delete(s.st.Users, id)
	s.st.ACL = slices.DeleteFunc(s.st.ACL, func(a acl) bool { return owner(a.UGID) == id })
	return nil, nil
}
