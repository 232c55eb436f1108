package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/listen"
	"github.com/waddle-social/waddle/internal/server/token"
)

// authenticate finds out who is calling and lets through whom the operation's
// scope, as it stands in the contract, allows. It is the only place that does.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		if x.call.Scope == "" {
			next.ServeHTTP(w, r)
			return
		}
		alive, err := s.identify(r, x)
		if err == nil {
			err = x.caller.allowed(x.call.Operation, token.Scope(x.call.Scope))
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		defer context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// identify fills in the caller. The context that it returns ends when the
// caller's right does.
func (s *Server) identify(r *http.Request, x *exchange) (context.Context, error) {
	if peer, ok := r.Context().Value(peerKey{}).(peerOrError); ok {
		return r.Context(), s.identifyPeer(r, x, peer)
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	secret, sent := bearer(r)
	if !sent {
		return nil, s.failed(remote, "none", problem.New(problem.Unauthenticated,
			"send Authorization: Bearer with a token; waddle token create makes one", "no token was sent"))
	}
	holder, err := s.tokens.Verify(secret)
	if err != nil {
		reason := "unknown"
		if errors.Is(err, token.ErrExpired) {
			reason = "expired"
		}
		return nil, s.failed(remote, reason, problem.Wrap(problem.Unauthenticated, err,
			"make a new token on the host: waddle token create", "the token was not accepted"))
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string })
	x.caller = caller{
		Caller:   engine.Caller{Name: "token " + holder.Name, From: r.RemoteAddr},
		identity: "token " + holder.ID, scopes: holder.Scopes,
		conn: Connection{Remote: remote, Local: addrPortOf(local)},
	}
	ctx, cancel := context.WithDeadlineCause(holder.Alive, holder.Expires, token.ErrExpired)
	context.AfterFunc(r.Context(), cancel)
	return ctx, nil
}

func addrPortOf(a interface{ String() string }) netip.AddrPort {
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

// peerKey and peerOrError are how a connection of the unix socket is marked.
type peerKey struct{}

type peerOrError struct {
	listen.Peer
	err error
}

func (s *Server) identifyPeer(r *http.Request, x *exchange, p peerOrError) error {
	if p.err != nil {
		return p.err
	}
	if p.UID != 0 && !p.InGroup(s.o.Group) {
		s.metrics.authFailures.WithLabelValues("peer").Inc()
		return problem.New(problem.Forbidden, fmt.Sprintf("run it as root, or as a member of the group: usermod -aG %s USER", s.o.Group),
			"%s may not use the API: it is neither root nor in the group %s", p.Name(), s.o.Group)
	}
	conn, err := sshConnection(r.Header.Get(sshHeader))
	if err != nil {
		return err
	}
	x.caller = caller{
		Caller:   engine.Caller{Name: p.Name(), From: "unix"},
		identity: "uid " + strconv.Itoa(int(p.UID)), scopes: []token.Scope{token.Admin}, conn: conn,
	}
	return nil
}

const sshHeader = "Waddle-SSH-Connection"

// sshConnection reads the value of $SSH_CONNECTION (sshd(8)).
func sshConnection(value string) (Connection, error) {
	if value == "" {
		return Connection{}, nil
	}
	words := strings.Fields(value)
	if len(words) == 4 {
		remote, err1 := netip.ParseAddrPort(joinAddrPort(words[0], words[1]))
		local, err2 := netip.ParseAddrPort(joinAddrPort(words[2], words[3]))
		if err1 == nil && err2 == nil {
			return Connection{Local: local, Remote: remote, SSH: true}, nil
		}
	}
	return Connection{}, problem.New(problem.InvalidRequest, "send the value of $SSH_CONNECTION as it is, or not at all",
		"cannot read the header %s: it is not client address and port, server address and port", sshHeader)
}

func joinAddrPort(addr, port string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]:" + port
	}
	return addr + ":" + port
}

// bearer returns the token that was sent (RFC 6750).
func bearer(r *http.Request) (string, bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(secret), true
}

// tooMany is a refusal that says when to try again.
type tooMany struct {
	problem *problem.Error
	after   time.Duration
}

func (t tooMany) Error() string { return t.problem.Error() }
func (t tooMany) Unwrap() error { return t.problem }

// failed notes a failed authentication. An address that had too many gets
// another answer. A valid token is always let in: with 256 random bits there is
// nothing to guess, and nobody shall be locked out by a neighbour's mistake.
func (s *Server) failed(from netip.AddrPort, reason string, refusal *problem.Error) error {
	s.metrics.authFailures.WithLabelValues(reason).Inc()
	if after := s.limiter.Failed(from.Addr()); after > 0 {
		return tooMany{after: after, problem: problem.New(problem.TooManyAttempts, "wait, and look at the token that is being sent",
			"too many failed authentications from %s", from.Addr())}
	}
	s.o.Log.Warn("a caller was not authenticated", "from", from.String(), "reason", reason)
	return refusal
}

// refuse adds to the problem what HTTP wants beside it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var t tooMany
	if errors.As(err, &t) {
		w.Header().Set("Retry-After", strconv.Itoa(int((t.after + time.Second - 1).Seconds())))
	}
	if problem.Is(err, problem.Unauthenticated) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="waddle"`)
	}
	s.problems.write(w, r, err)
}

func (c *caller) allowed(operation string, need token.Scope) error {
	if token.Covers(c.scopes, need) {
		return nil
	}
	return problem.New(problem.Forbidden, fmt.Sprintf("use a token with the scope %s: waddle token create NAME --scope %s", need, need),
		"%s may not call %s: it needs the scope %s", c.Name, operation, need)
}
