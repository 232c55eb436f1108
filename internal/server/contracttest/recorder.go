package contracttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/waddle-social/waddle/internal/server/contract"
)

// Recorder checks and remembers exchanges. It is safe for use by several
// goroutines.
type Recorder struct {
	contract *contract.Contract

	mu     sync.Mutex
	seen   map[string]int // by "operation status"
	faults []error
}

// New returns a recorder for the contract in api/openapi.yaml.
func New() (*Recorder, error) {
	c, err := contract.Load()
	if err != nil {
		return nil, err
	}
	return &Recorder{contract: c, seen: map[string]int{}}, nil
}

// Transport checks what goes through next. An exchange that breaks the contract
// is an error of RoundTrip and stays in Err: a response that is not as
// described, or a success for a request that is not. Unknown paths and methods,
// which the contract cannot describe, have to be answered with a problem.
func (r *Recorder) Transport(next http.RoundTripper) http.RoundTripper {
	return transport{r, next}
}

type transport struct {
	*Recorder
	next http.RoundTripper
}

// RoundTrip sends req and checks both sides.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if err := t.check(copyOf(req, body), resp); err != nil {
		t.fault(err)
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

// takeBody reads the request's body and puts it back.
func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if err := req.Body.Close(); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// copyOf is the request as the server's side sees it.
func copyOf(req *http.Request, body []byte) *http.Request {
	c := req.Clone(req.Context())
	c.Body = io.NopCloser(bytes.NewReader(body))
	c.ContentLength = int64(len(body))
	return c
}

func (r *Recorder) check(req *http.Request, resp *http.Response) error {
	call, err := r.contract.Find(req)
	if err != nil {
		return notFound(req, resp, err)
	}
	invalid := call.CheckRequest(req.Context(), req)
	if invalid != nil && resp.StatusCode < 300 {
		return fmt.Errorf("%s answered %d to a request that is not as the contract says: %w", call.Operation, resp.StatusCode, invalid)
	}
	r.note(call.Operation, resp.StatusCode)
	if isStream(resp) {
		if err := call.CheckResponse(req.Context(), req, resp.StatusCode, resp.Header, nil); err != nil {
			return err
		}
		resp.Body = &streamBody{ReadCloser: resp.Body, r: r}
		return nil
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("cannot read the answer of %s: %w", call.Operation, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return call.CheckResponse(req.Context(), req, resp.StatusCode, resp.Header, answer)
}

// notFound checks the answer to what the contract does not have.
func notFound(req *http.Request, resp *http.Response, why error) error {
	want := http.StatusNotFound
	if errors.Is(why, contract.ErrNoMethod) {
		want = http.StatusMethodNotAllowed
	}
	if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/problem+json" {
		return fmt.Errorf("%s %s is not in the contract and was answered with %d %s, want a problem with status %d",
			req.Method, req.URL.Path, resp.StatusCode, resp.Header.Get("Content-Type"), want)
	}
	return nil
}

func isStream(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
}

func (r *Recorder) note(operation string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[operation+" "+strconv.Itoa(status)]++
}

func (r *Recorder) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, err)
}

// Err returns everything in which an exchange was not as the contract says.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.faults...)
}

// Missing lists the documented statuses that were not seen yet, as
// "operation status". 500 and 503 are documented for no operation.
func (r *Recorder) Missing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []string
	for _, op := range r.contract.Operations() {
		for _, status := range op.Statuses {
			if r.seen[op.ID+" "+status] == 0 {
				missing = append(missing, op.ID+" "+status)
			}
		}
	}
	return missing
}

// Seen lists what was seen, as "operation status times".
func (r *Recorder) Seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for what, n := range r.seen {
		all = append(all, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(all)
	return all
}

// Operations lists what the contract has, for a test that calls everything.
func (r *Recorder) Operations() []contract.Operation { return r.contract.Operations() }
