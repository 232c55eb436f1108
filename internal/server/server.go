package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/certs"
	"github.com/waddle-social/waddle/internal/server/contract"
	"github.com/waddle-social/waddle/internal/server/listen"
	"github.com/waddle-social/waddle/internal/server/token"
)

// Server is the HTTP API. Make one with New and serve it with Run.
type Server struct {
	o        Options
	contract *contract.Contract
	document []byte // the contract as JSON
	tokens   *token.Store
	limiter  *token.Limiter
	keys     *keyStore
	certs    *certs.Keeper
	metrics  *metrics
	problems problems
	follower *listen.Follower
	started  time.Time

	unix listenerState
	// draining ends when the server begins to stop: streams end and whoever
	// waits gets an answer.
	draining context.Context
	drain    context.CancelFunc
}

// New makes a server. It reads the state file's tokens, makes the certificates
// where there are none, and opens no listener.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	s := &Server{o: o, problems: problems{o.Log}, started: o.Now().UTC(), metrics: newMetrics(o.Engine)}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.limiter = token.NewLimiter(o.Limits.FailedAuthentications, o.Now)
	s.keys = newKeyStore(o.State, o.Now)
	var err error
	if s.contract, err = contract.Load(); err != nil {
		return nil, err
	}
	if s.document, err = s.contract.JSON(); err != nil {
		return nil, fmt.Errorf("cannot write the contract as JSON: %w", err)
	}
	if s.tokens, err = token.Open(o.State, o.Now); err != nil {
		return nil, err
	}
	if s.certs, err = certs.Open(o.TLSDir, o.Now); err != nil {
		return nil, err
	}
	s.follower = s.newFollower()
	return s, nil
}

// Tokens are the server's bearer tokens.
func (s *Server) Tokens() *token.Store { return s.tokens }

// Handler returns the API. Whoever serves it marks the connections of the unix
// socket with ConnContext.
func (s *Server) Handler() http.Handler {
	strict := api.NewStrictHandlerWithOptions(handlers{s}, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: s.badRequest, ResponseErrorHandlerFunc: s.problems.write,
	})
	var h http.Handler = api.HandlerWithOptions(strict, api.ChiServerOptions{
		BaseRouter: chi.NewRouter(), ErrorHandlerFunc: s.badRequest,
	})
	for _, wrap := range []func(http.Handler) http.Handler{
		s.idempotent, s.check, s.readBody, s.authenticate, s.route, s.observe, withExchange,
	} {
		h = wrap(h)
	}
	return h
}

// badRequest answers what the contract's check let through and the generated
// code cannot decode.
func (s *Server) badRequest(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem.Error
	if !errors.As(err, &p) {
		err = problem.Wrap(problem.InvalidRequest, err, "correct the request; GET /openapi.json describes it", "cannot read the request")
	}
	s.problems.write(w, r, err)
}
