package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/contract"
)

// readBody takes the body into memory, where the contract's check, the
// idempotency key's hash and the handler read it. It also sets the time that
// the answer may take, which a handler that waits or streams extends.
func (s *Server) readBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(innermost(w), r.Body, s.o.Limits.Body))
		if err != nil {
			s.problems.write(w, r, s.unreadable(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.TransferEncoding = nil
		rc := http.NewResponseController(w)
		// The body is here; from now on the server reads only to see that the
		// caller goes, which must not end by a timeout.
		_ = rc.SetReadDeadline(time.Time{})
		_ = rc.SetWriteDeadline(time.Now().Add(s.o.Limits.RequestTimeout + answerGrace))
		if mayLast(exchangeOf(r.Context()).call) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.o.Limits.RequestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// innermost is net/http's own writer: only it hears from MaxBytesReader that the
// limit was hit, and then lets the caller read the answer before it hangs up.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapped.Unwrap()
	}
}

// answerGrace is the time to say that a request took too long.
const answerGrace = 15 * time.Second

// mayLast is true for what waits for an operation or streams.
func mayLast(c *contract.Call) bool {
	return c.Takes("wait") || c.Takes("Last-Event-ID")
}

func (s *Server) unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem.New(problem.TooLarge, "send less", "cannot take the body: it is larger than %d bytes", s.o.Limits.Body)
	}
	return problem.Wrap(problem.InvalidRequest, err, "send the whole body", "cannot read the body")
}

// check refuses what is not as the contract says.
func (s *Server) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := exchangeOf(r.Context()).call.CheckRequest(r.Context(), r); err != nil {
			s.problems.write(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
