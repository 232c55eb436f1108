package pve

import (
	"maps"
	"slices"

	"github.com/google/uuid"
)

func (t *token) show() map[string]any {
	m := map[string]any{"privsep": b2i(t.Privsep), "expire": t.Expire}
	if t.Comment != "" {
		m["comment"] = t.Comment
	}
	return m
}

func (u *user) tokenList() []map[string]any {
	all := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(u.Tokens)) {
		m := u.Tokens[id].show()
		m["tokenid"] = id
		all = append(all, m)
	}
	return all
}

func (s *Server) listTokens(r *request) (any, error) {
	u, err := s.theUser(r)
	if err != nil {
		return nil, err
	}
	return u.tokenList(), nil
}

func (s *Server) theToken(r *request) (*token, error) {
	u, err := s.theUser(r)
	if err != nil {
		return nil, err
	}
	if t := u.Tokens[r.text("tokenid")]; t != nil {
		return t, nil
	}
	return nil, die("no such token '%s' for user '%s'", r.text("tokenid"), r.text("userid"))
}

func (s *Server) readToken(r *request) (any, error) {
	t, err := s.theToken(r)
	if err != nil {
		return nil, err
	}
	return t.show(), nil
}

// createToken answers with the secret, which is never shown again.
func (s *Server) createToken(r *request) (any, error) {
	u, err := s.theUser(r)
	if err != nil {
		return nil, err
	}
	id := r.text("tokenid")
	if u.Tokens[id] != nil {
		return nil, wrongParam("tokenid", "Token already exists.")
	}
	t := &token{Privsep: true}
	t.update(r)
	secret := uuid.NewString()
	full := r.text("userid") + "!" + id
	t.Secret = hashed(full, secret)
	u.Tokens[id] = t
	return map[string]any{"full-tokenid": full, "value": secret, "info": t.show()}, nil
}

func (t *token) update(r *request) {
	t.Privsep = r.bool("privsep", t.Privsep)
	if r.p.Has("expire") {
		t.Expire = int64(r.p.Int("expire", 0))
	}
	if r.p.Has("comment") {
		t.Comment = r.text("comment")
	}
}

func (s *Server) updateToken(r *request) (any, error) {
	t, err := s.theToken(r)
	if err != nil {
		return nil, err
	}
	t.update(r)
	return t.show(), nil
}

func (s *Server) deleteToken(r *request) (any, error) {
	if _, err := s.theToken(r); err != nil {
		return nil, err
	}
	full := r.text("userid") + "!" + r.text("tokenid")
	delete(s.st.Users[r.text("userid")].Tokens, r.text("tokenid"))
	s.st.ACL = slices.DeleteFunc(s.st.ACL, func(a acl) bool { return a.UGID == full })
	return nil, nil
}
