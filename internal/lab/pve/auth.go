package pve

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const ticketLife = 2 * time.Hour

// authenticate says who sends a request: a user with a ticket, or an API token.
func (s *Server) authenticate(req *http.Request) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := req.Header.Get("Authorization"); strings.HasPrefix(h, "PVEAPIToken") {
		return s.checkToken(strings.TrimLeft(strings.TrimPrefix(h, "PVEAPIToken"), "= "))
	}
	cookie, err := req.Cookie("PVEAuthCookie")
	if err != nil {
		return "", unauthenticated("No ticket")
	}
	who, err := s.checkTicket(cookie.Value)
	if err != nil {
		return "", err
	}
	if req.Method != http.MethodGet && !s.checkCSRF(who, req.Header.Get("CSRFPreventionToken")) {
		return "", unauthenticated("Permission denied - invalid csrf token")
	}
	return who, nil
}

func (s *Server) checkToken(text string) (string, error) {
	id, secret, ok := strings.Cut(text, "=")
	name, tokenID, isToken := strings.Cut(id, "!")
	if !ok || !isToken {
		return "", unauthenticated("no tokenid specified")
	}
	u, err := s.enabled(name)
	if err != nil {
		return "", err
	}
	t := u.Tokens[tokenID]
	if t == nil {
		return "", unauthenticated(fmt.Sprintf("no such token '%s' for user '%s'", tokenID, name))
	}
	if t.Expire > 0 && s.now().Unix() >= t.Expire {
		return "", unauthenticated("token '" + tokenID + "' access expired")
	}
	if subtle.ConstantTimeCompare([]byte(t.Secret), []byte(hashed(id, secret))) != 1 {
		return "", unauthenticated("invalid token value!")
	}
	return id, nil
}

func (s *Server) enabled(name string) (*user, error) {
	u := s.st.Users[name]
	switch {
	case u == nil:
		return nil, unauthenticated("no such user ('" + name + "')")
	case !u.Enable:
		return nil, unauthenticated("user '" + name + "' is disabled")
	case u.Expire > 0 && s.now().Unix() >= u.Expire:
		return nil, unauthenticated("user '" + name + "' access expired")
	}
	return u, nil
}

// ticket is PVE:USER:TIME::SIGNATURE with the time in hexadecimal seconds.
func (s *Server) ticket(who string) string {
	plain := fmt.Sprintf("PVE:%s:%08X", who, s.now().Unix())
	return plain + "::" + s.sign(plain)
}

func (s *Server) csrf(who string) string {
	stamp := fmt.Sprintf("%08X", s.now().Unix())
	return stamp + ":" + s.sign(stamp+":"+who)
}

func (s *Server) checkTicket(text string) (string, error) {
	plain, signature, ok := strings.Cut(text, "::")
	parts := strings.Split(plain, ":")
	if !ok || len(parts) != 3 || parts[0] != "PVE" || !hmac.Equal([]byte(signature), []byte(s.sign(plain))) || !s.fresh(parts[2]) {
		return "", unauthenticated("permission denied - invalid PVE ticket")
	}
	_, err := s.enabled(parts[1])
	return parts[1], err
}

func (s *Server) checkCSRF(who, text string) bool {
	stamp, signature, ok := strings.Cut(text, ":")
	return ok && hmac.Equal([]byte(signature), []byte(s.sign(stamp+":"+who))) && s.fresh(stamp)
}

func (s *Server) fresh(stamp string) bool {
	sec, err := strconv.ParseInt(stamp, 16, 64)
	age := s.now().Sub(time.Unix(sec, 0))
	return err == nil && age > -5*time.Minute && age < ticketLife
}

func (s *Server) sign(text string) string {
	mac := hmac.New(sha256.New, s.st.Key)
	mac.Write([]byte(text))
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

func hashed(id, secret string) string {
	sum := sha256.Sum256([]byte(id + "\x00" + secret))
	return hex.EncodeToString(sum[:])
}
