package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/contract"
)

// fakeDaemon answers on a unix socket with files, and holds every exchange
// against the contract: what the CLI sends and what the files say.
//
// The answer to GET /v1/plan is in the file GET_v1_plan; the second call gets
// GET_v1_plan.2 where that exists, and so on. The first line is the status, then
// headers, an empty line and the body. "problem CODE", the detail and the hint on
// three lines stand for a problem. A body that ends with the line "DROP" breaks
// the connection off there; a line "WAIT 200ms" waits.
type fakeDaemon struct {
	dir      string
	contract *contract.Contract
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex
	calls  map[string]int
	log    strings.Builder
	faults []string
}

func startFake(dir, socket string) (*fakeDaemon, error) {
	c, err := contract.Load()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	f := &fakeDaemon{dir: dir, contract: c, listener: l, calls: map[string]int{}}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = f.server.Serve(l) }()
	return f, nil
}

// stop ends the daemon and returns what was not as the contract says.
func (f *fakeDaemon) stop() []string {
	_ = f.server.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults
}

// requests is what was asked, one request a line with what matters of it.
func (f *fakeDaemon) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

func (f *fakeDaemon) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

func (f *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.note(r, body)
	call, err := f.contract.Find(r)
	if err != nil {
		f.fault("%s %s: %v", r.Method, r.URL, err)
		http.NotFound(w, r)
		return
	}
	if err := call.CheckRequest(r.Context(), r); err != nil {
		f.fault("%s %s: %v", r.Method, r.URL, err)
	}
	answer, err := f.answer(r)
	if err != nil {
		f.fault("%s %s: %v", r.Method, r.URL, err)
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	rec := httptest.NewRecorder()
	answer.write(rec, r.URL.Path)
	r.Body = io.NopCloser(bytes.NewReader(body))
	clean := answer.withoutStageDirections(rec.Body.Bytes())
	if err := call.CheckResponse(context.Background(), r, rec.Code, rec.Header(), clean); err != nil {
		f.fault("the script's answer: %v", err)
	}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/event-stream") {
		if err := f.contract.CheckEvents(clean); err != nil {
			f.fault("the script's answer: %v", err)
		}
	}
	play(w, r, rec)
}

// note writes the request into the log. Idempotency keys are random: only that
// there is one is noted.
func (f *fakeDaemon) note(r *http.Request, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(&f.log, "%s %s", r.Method, r.URL.RequestURI())
	for _, h := range []string{"If-Match", "Waddle-Ssh-Connection", "Accept", "Last-Event-Id", "Authorization"} {
		if v := r.Header.Get(h); v != "" {
			fmt.Fprintf(&f.log, " %s=%s", h, v)
		}
	}
	if r.Header.Get("Idempotency-Key") != "" {
		f.log.WriteString(" Idempotency-Key")
	}
	if len(body) > 0 {
		fmt.Fprintf(&f.log, " %s", strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", `\n`))
	}
	f.log.WriteByte('\n')
}

// scripted is an answer out of a file.
type scripted struct {
	status int
	header http.Header
	body   string
}

func (f *fakeDaemon) answer(r *http.Request) (*scripted, error) {
	name := r.Method + strings.NewReplacer("/", "_", "%2F", "_").Replace(r.URL.EscapedPath())
	f.mu.Lock()
	f.calls[name]++
	n := f.calls[name]
	f.mu.Unlock()
	for ; n > 1; n-- {
		raw, err := os.ReadFile(filepath.Join(f.dir, name+"."+strconv.Itoa(n)))
		if err == nil {
			return parseScripted(string(raw))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	raw, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	return parseScripted(string(raw))
}

func parseScripted(text string) (*scripted, error) {
	first, rest, _ := strings.Cut(text, "\n")
	if code, ok := strings.CutPrefix(first, "problem "); ok {
		detail, hint, _ := strings.Cut(rest, "\n")
		return problemAnswer(problem.Code(strings.TrimSpace(code)), detail, strings.TrimSpace(hint)), nil
	}
	status, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return nil, fmt.Errorf("the first line %q is no status", first)
	}
	s := &scripted{status: status, header: http.Header{"Content-Type": {"application/json"}}}
	head, body, ok := strings.Cut(rest, "\n\n")
	if !ok {
		s.body = rest
		return s, nil
	}
	if strings.HasPrefix(rest, "\n") {
		s.body = rest[1:]
		return s, nil
	}
	for _, line := range strings.Split(head, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		s.header.Set(key, value)
	}
	s.body = body
	return s, nil
}

func problemAnswer(code problem.Code, detail, hint string) *scripted {
	raw, _ := json.Marshal(map[string]any{
		"type": "urn:waddle:problem:" + string(code), "title": string(code), "status": code.Status(), "detail": detail,
		"instance": "urn:waddle:request:1", "code": code, "hint": hint,
	})
	s := &scripted{status: code.Status(), header: http.Header{"Content-Type": {"application/problem+json"}}, body: string(raw)}
	switch code.Status() {
	case http.StatusUnauthorized:
		s.header.Set("WWW-Authenticate", `Bearer realm="waddle"`)
	case http.StatusTooManyRequests:
		s.header.Set("Retry-After", "12")
	}
	return s
}

func (s *scripted) write(w http.ResponseWriter, path string) {
	for k, v := range s.header {
		w.Header()[k] = v
	}
	if s.status == http.StatusAccepted || strings.HasSuffix(path, "/cancel") && s.status == http.StatusOK {
		w.Header().Set("Location", "/v1/operations/op-1")
	}
	if s.status == http.StatusNoContent {
		w.Header().Del("Content-Type")
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// withoutStageDirections is the body without the lines that are for play.
func (s *scripted) withoutStageDirections(body []byte) []byte {
	var kept []string
	for _, line := range strings.Split(string(body), "\n") {
		if line != "DROP" && !strings.HasPrefix(line, "WAIT ") {
			kept = append(kept, line)
		}
	}
	return []byte(strings.Join(kept, "\n"))
}

// play sends the answer line by line and follows the stage directions.
func play(w http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	flush := func() {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
	for line := range strings.Lines(rec.Body.String()) {
		if pause, ok := strings.CutPrefix(strings.TrimSpace(line), "WAIT "); ok {
			flush()
			d, _ := time.ParseDuration(pause)
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
			continue
		}
		if strings.TrimSpace(line) == "DROP" {
			flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, line)
	}
}
