package lab

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waddle-social/waddle/internal/lab/upstream"
)

// Request is one request as the lab's web server saw it.
type Request struct {
	Time   time.Time      `json:"time"`
	Source netip.AddrPort `json:"source"` // whom the server saw: what NAT made of the sender
	Method string         `json:"method"`
	Host   string         `json:"host"`
	URL    string         `json:"url"`
}

// keptRequests bounds the web server's memory; the file has all of them.
const keptRequests = 10_000

const page = "<!doctype html><title>the lab's internet</title><p>You see a page of the lab's internet.\n"

// web is the lab's web server.
type web struct {
	mu   sync.Mutex
	seen []Request
	file io.Writer // one JSON object a line
}

func newWeb(file io.Writer) *web { return &web{file: file} }

// serveWeb serves the page and its neighbours as HTTP, and with what a platform downloads as
// HTTPS too.
func serveWeb(ctx context.Context, group *errgroup.Group, node *Node, w *web, ca *internetCA) error {
	cert, err := ca.issue(WebName, upstream.FactoryHost, upstream.DebianHost)
	if err != nil {
		return err
	}
	own, all := http.NewServeMux(), http.NewServeMux()
	own.HandleFunc("GET /{$}", w.page)
	own.HandleFunc("GET /requests", w.requests)
	own.HandleFunc("GET /stream", w.stream)
	all.Handle(WebName+"/", own)
	all.Handle(upstream.FactoryHost+"/", w.noted(upstream.Factory()))
	all.Handle(upstream.DebianHost+"/", w.noted(upstream.Debian()))
	for _, a := range []netip.Addr{WebAddr, WebAddr6} {
		plain, err := node.Listen(ctx, "tcp", netip.AddrPortFrom(a, 80).String())
		if err != nil {
			return err
		}
		serveHTTP(ctx, group, plain, own)
		secure, err := node.Listen(ctx, "tcp", netip.AddrPortFrom(a, 443).String())
		if err != nil {
			return err
		}
		serveHTTP(ctx, group, tls.NewListener(secure, &tls.Config{Certificates: []tls.Certificate{cert}}), all)
	}
	return nil
}

// noted lists the requests to h among those that were seen.
func (w *web) noted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.note(r)
		h.ServeHTTP(rw, r)
	})
}

func (w *web) page(rw http.ResponseWriter, r *http.Request) {
	w.note(r)
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(rw, page)
}

// stream sends rate bytes a second (default 64 KiB), in ten pieces a second, until the
// client has gone or, with bytes=N, N bytes are sent.
func (w *web) stream(rw http.ResponseWriter, r *http.Request) {
	rate, err1 := number(r, "rate", 64<<10)
	total, err2 := number(r, "bytes", 0)
	if err1 != nil || err2 != nil || rate < 10 {
		http.Error(rw, "rate is bytes a second, 10 or more; bytes is how many in all, 0 for no end", http.StatusBadRequest)
		return
	}
	w.note(r)
	rw.Header().Set("Content-Type", "application/octet-stream")
	piece := make([]byte, rate/10)
	flush := http.NewResponseController(rw)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for sent := 0; total == 0 || sent < total; sent += len(piece) {
		if total > 0 {
			piece = piece[:min(len(piece), total-sent)]
		}
		if _, err := rw.Write(piece); err != nil {
			return
		}
		if err := flush.Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func number(r *http.Request, key string, preset int) (int, error) {
	if s := r.URL.Query().Get(key); s != "" {
		return strconv.Atoi(s)
	}
	return preset, nil
}

// requests answers with everything seen so far, oldest first. It does not count itself.
func (w *web) requests(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(append([]Request{}, w.seen...))
}

func (w *web) note(r *http.Request) {
	source, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return
	}
	req := Request{Time: time.Now().UTC(), Source: source, Method: r.Method, Host: r.Host, URL: r.URL.String()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, req)
	if len(w.seen) > keptRequests {
		w.seen = w.seen[len(w.seen)-keptRequests:]
	}
	_ = json.NewEncoder(w.file).Encode(req)
}

// Requests returns what the lab's web server has been asked so far, oldest first.
func (l *Lab) Requests(ctx context.Context) ([]Request, error) {
	url := "http://" + WebAddr.String() + "/requests"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.Internet.HTTPClient().Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the lab's web server for its requests: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var seen []Request
	if err := json.NewDecoder(resp.Body).Decode(&seen); err != nil {
		return nil, fmt.Errorf("cannot ask the lab's web server for its requests: %w", err)
	}
	return seen, nil
}
