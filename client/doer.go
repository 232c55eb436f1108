package client

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

// doer sends requests with what the options say and turns problem answers into
// errors.
type doer struct {
	http *http.Client
	o    Options
	unix bool
}

// Do sends the request. An answer that is a problem is returned as *Problem.
func (d *doer) Do(req *http.Request) (*http.Response, error) {
	if err := d.prepare(req); err != nil {
		return nil, err
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, &UnreachableError{Server: d.o.Server, Err: err}
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemOf(resp)
}

func (d *doer) prepare(req *http.Request) error {
	if d.o.UserAgent != "" {
		req.Header.Set("User-Agent", d.o.UserAgent)
	}
	if d.unix {
		if d.o.SSHConnection != "" {
			req.Header.Set("Waddle-SSH-Connection", d.o.SSHConnection)
		}
		return nil
	}
	token, err := d.token()
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

func (d *doer) token() (string, error) {
	if d.o.TokenFile == "" {
		return d.o.Token, nil
	}
	data, err := os.ReadFile(d.o.TokenFile)
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
