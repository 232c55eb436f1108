package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxProblem bounds what is read of a problem answer.
const maxProblem = 1 << 20

// Error says what came of the request. Code and Hint say the rest.
func (p *Problem) Error() string { return p.Detail }

// AsProblem returns the problem in err's chain.
func AsProblem(err error) (*Problem, bool) {
	var p *Problem
	ok := errors.As(err, &p)
	return p, ok
}

// UnreachableError is a server that gave no answer.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot reach waddled at %s: %v", e.Server, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// problemOf reads the problem out of an answer. Something that is no problem
// comes from a proxy or another program.
func problemOf(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("cannot read the answer to %s %s: %w", resp.Request.Method, resp.Request.URL.Path, err)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	p := &Problem{}
	if media != "application/problem+json" || json.Unmarshal(body, p) != nil || p.Code == "" {
		return fmt.Errorf("cannot understand the answer to %s %s: HTTP status %s without a problem; is this waddled?",
			resp.Request.Method, resp.Request.URL.Path, resp.Status)
	}
	return p
}
