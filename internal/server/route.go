package server

import (
	"errors"
	"net/http"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/contract"
)

// route finds the operation in the contract that a request is for.
func (s *Server) route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call, err := s.contract.Find(r)
		if err != nil {
			s.problems.write(w, r, noOperation(r, err))
			return
		}
		exchangeOf(r.Context()).call = call
		next.ServeHTTP(w, r)
	})
}

func noOperation(r *http.Request, err error) error {
	const hint = "GET /openapi.json lists what there is"
	switch {
	case errors.Is(err, contract.ErrNoPath):
		return problem.New(problem.NotFound, hint, "there is no path %s", r.URL.Path)
	case errors.Is(err, contract.ErrNoMethod):
		return problem.New(problem.MethodNotAllowed, hint, "the path %s does not have the method %s", r.URL.Path, r.Method)
	}
	return err
}
