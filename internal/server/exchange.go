package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/netip"
	"regexp"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/contract"
	"github.com/waddle-social/waddle/internal/server/token"
)

// exchange is what is known of a request while it is being answered. One
// goroutine fills it in, middleware by middleware.
type exchange struct {
	id     string         // X-Request-Id
	call   *contract.Call // nil until the path was found
	caller caller
	// started is told of an operation as soon as it is in the journal.
	started func(*engine.Operation)
	request *http.Request
}

// caller is who is asking.
type caller struct {
	engine.Caller
	identity string // "uid 0", "token 5b1f": whose idempotency keys are meant
	scopes   []token.Scope
	conn     Connection
}

// Connection is how the caller's packets reach the host, as far as a change of
// the network could cut it. The zero value is a local process.
type Connection struct {
	Local, Remote netip.AddrPort
	SSH           bool // a session of sshd; otherwise the API itself over TLS
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// operationID is the operation's id for logs and metrics.
func (x *exchange) operationID() string {
	if x.call == nil {
		return "none"
	}
	return x.call.Operation
}

var goodRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

const requestIDHeader = "X-Request-Id"

// withExchange gives each request its id and its exchange.
func withExchange(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !goodRequestID.MatchString(id) {
			id = newRequestID()
		}
		w.Header().Set(requestIDHeader, id)
		x := &exchange{id: id, started: func(*engine.Operation) {}}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		x.request = r
		next.ServeHTTP(w, r)
	})
}

func newRequestID() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	return hex.EncodeToString(raw[:])
}
