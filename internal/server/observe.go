package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
)

// observe logs and counts each request and catches a handler's panic. Headers
// are never logged: Authorization is one of them.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		x := exchangeOf(r.Context())
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			if p := recover(); p != nil {
				s.caught(ww, r, p)
			}
			status := max(ww.Status(), http.StatusOK)
			s.metrics.requests.WithLabelValues(x.operationID(), strconv.Itoa(status)).Inc()
			s.o.Log.Log(r.Context(), levelOf(r.Method), "request", "request", x.id, "operation", x.operationID(), "method", r.Method,
				"path", cut(r.URL.Path), "status", status, "bytes", ww.BytesWritten(), "took", time.Since(began),
				"caller", x.caller.Name, "from", cmp.Or(x.caller.From, r.RemoteAddr))
		}()
		next.ServeHTTP(ww, r)
	})
}

// cut keeps a caller from filling the log with one request.
func cut(path string) string {
	const most = 256
	if len(path) <= most {
		return path
	}
	return strings.ToValidUTF8(path[:most], "") + "…"
}

// caught turns a panic into an answer, where there was none yet.
func (s *Server) caught(w middleware.WrapResponseWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.o.Log.Error("a handler panicked", "request", exchangeOf(r.Context()).id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.Status() == 0 {
		s.problems.write(w, r, fmt.Errorf("panic: %v", p))
	}
}

// levelOf is info for what may change something.
func levelOf(method string) slog.Level {
	if method == http.MethodGet || method == http.MethodHead {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
