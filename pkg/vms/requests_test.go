package vms

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// sent is a request as it left the driver, with the status that it was answered with.
type sent struct {
	method, path string // below /api2/json
	params       map[string]any
	status       int
}

// wire is the network between a driver and its node. It writes down what passes, and
// can do harm to the request with a number.
type wire struct {
	next http.RoundTripper
	mu   sync.Mutex
	log  []sent
	harm func(n int, req *http.Request) harm // n counts from 0; nil does none
	die  func()                              // of doneKill
	hit  bool                                // harm was done
}

// harm is what happens to a request on its way.
type harm string

const (
	none     harm = ""
	say500   harm = "500, nothing done"
	say502   harm = "502, nothing done"
	cut      harm = "connection cut, nothing done"
	done500  harm = "500, although it was done"
	done502  harm = "502, although it was done"
	doneCut  harm = "connection cut, although it was done"
	doneKill harm = "killed when it was done"
)

var harms = []harm{say500, say502, cut, done500, done502, doneCut}

var errCut = errors.New("connection reset by peer")

func newWire(t testing.TB) *wire {
	w := &wire{}
	t.Cleanup(func() { checkRequests(t, w.requests()) })
	return w
}

// between puts the wire between a driver and its node: rest.Options.Wrap.
func (w *wire) between(next http.RoundTripper) http.RoundTripper {
	w.next = next
	return w
}

func (w *wire) requests() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sent(nil), w.log...)
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	s := readRequest(req)
	w.mu.Lock()
	n := len(w.log)
	w.log = append(w.log, s)
	w.mu.Unlock()
	what := none
	if w.harm != nil {
		what = w.harm(n, req)
	}
	if what != none {
		w.mu.Lock()
		w.hit = true
		w.mu.Unlock()
	}
	switch what {
	case say500:
		return nil, &rest.Error{Status: 500, Message: "injected"}
	case say502:
		return nil, &rest.Error{Status: 502, Message: "Bad Gateway"}
	case cut:
		return nil, errCut
	}
	res, err := w.next.RoundTrip(req)
	w.answered(n, res, err)
	switch what {
	case done500:
		err = &rest.Error{Status: 500, Message: "injected"}
	case done502:
		err = &rest.Error{Status: 502, Message: "Bad Gateway"}
	case doneCut:
		err = errCut
	case doneKill:
		w.die()
		err = errCut
	}
	if err != nil && res != nil {
		res.Body.Close()
		res = nil
	}
	return res, err
}

func (w *wire) answered(n int, res *http.Response, err error) {
	status := 0
	var e *rest.Error
	if errors.As(err, &e) {
		status = e.Status
	} else if res != nil {
		status = res.StatusCode
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log[n].status = status
}

func readRequest(req *http.Request) sent {
	s := sent{method: req.Method, path: strings.TrimPrefix(req.URL.EscapedPath(), "/api2/json"), params: map[string]any{}}
	for name, values := range req.URL.Query() {
		s.params[name] = values[0]
	}
	if req.Body != nil {
		raw, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(raw))
		if len(raw) > 0 {
			_ = json.Unmarshal(raw, &s.params)
		}
	}
	return s
}
