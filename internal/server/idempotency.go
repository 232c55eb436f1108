package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// idempotent gives a repeated request the answer of the first. What was refused
// is not remembered: it has changed nothing, and a retry may do better.
func (s *Server) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		key := r.Header.Get(keyHeader)
		if key == "" || !x.call.Takes(keyHeader) {
			next.ServeHTTP(w, r)
			return
		}
		id := x.caller.identity + " " + key
		hash, err := hashRequest(r)
		if err != nil {
			s.problems.write(w, r, err)
			return
		}
		found, release, err := s.keys.claim(r.Context(), id, hash)
		switch {
		case err != nil:
			s.problems.write(w, r, err)
		case found != nil:
			found.replay(w)
		default:
			defer release()
			s.first(w, r, next, id, hash)
		}
	})
}

// first carries the request out and keeps its answer before it is given.
func (s *Server) first(w http.ResponseWriter, r *http.Request, next http.Handler, id, hash string) {
	x := exchangeOf(r.Context())
	secret := x.call.Operation == "postToken"
	keep := func(a answer) {
		a.Hash, a.Secret = hash, secret
		if err := s.keys.keep(id, a); err != nil {
			s.o.Log.Error("cannot keep the answer for an idempotency key; a retry would run again", "request", x.id, "error", err)
		}
	}
	// A daemon that is killed while the caller waits for the operation's end
	// must not start a second one when the caller tries again.
	x.started = func(op *engine.Operation) {
		if a, err := startedAnswer(op); err == nil {
			keep(a)
		}
	}
	buf := &buffer{ResponseWriter: w, header: http.Header{}, status: http.StatusOK}
	next.ServeHTTP(buf, r)
	if buf.status < 300 {
		keep(answer{Status: buf.status, Header: keptHeader(buf.header), Body: buf.body.Bytes()})
	}
	buf.flush()
}

// hashRequest says whether two requests are the same one.
func hashRequest(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", problem.Wrap(problem.InvalidRequest, err, "send the whole body", "cannot read the body")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type"))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// buffer holds an answer back until it is kept.
type buffer struct {
	http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header         { return b.header }
func (b *buffer) WriteHeader(status int)      { b.status = status }
func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }

// Unwrap lets a handler that waits move the deadline of the connection.
func (b *buffer) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *buffer) flush() {
	to := b.ResponseWriter.Header()
	for name, values := range b.header {
		to[name] = values
	}
	b.ResponseWriter.WriteHeader(b.status)
	_, _ = b.ResponseWriter.Write(b.body.Bytes()) // the caller has gone
}

// keptHeader are the headers that belong to an answer rather than to the
// exchange it was given in.
func keptHeader(h http.Header) map[string]string {
	kept := map[string]string{}
	for _, name := range []string{"Content-Type", "Location"} {
		if v := h.Get(name); v != "" {
			kept[name] = v
		}
	}
	return kept
}

func (a *answer) replay(w http.ResponseWriter) {
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set(replayedHeader, "true")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the caller has gone
}
