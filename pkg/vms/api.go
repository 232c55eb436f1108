package vms

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
)

// api is the connection to one node.
type api struct {
	node   string
	retry  time.Duration
	trust  *trust
	client *proxmox.Client
}

func newAPI(o Options) (*api, error) {
	pin, err := parseFingerprint(o.Fingerprint)
	if err != nil {
		return nil, err
	}
	a := &api{node: o.Node, retry: o.Retry, trust: &trust{caFile: o.CAFile, name: o.ServerName, pin: pin}}
	a.client = proxmox.NewClient(o.URL, proxmox.WithUserAgent("waddled"), proxmox.WithHTTPClient(&http.Client{
		Transport: &transport{o: o, trust: a.trust},
		Timeout:   o.Timeout,
	}))
	return a, nil
}

func (a *api) close() { a.trust.forget() }

func (a *api) nodePath(path string) string { return "/nodes/" + url.PathEscape(a.node) + path }

const reads = 4 // how often a read is tried

// get reads. Failures that may pass are tried again a few times.
func (a *api) get(ctx context.Context, path string, into any) error {
	pause := a.retry
	for n := 1; ; n++ {
		err := a.client.Get(ctx, path, into)
		if err == nil || n == reads || ctx.Err() != nil || !passing(err) {
			return a.explain(ctx, err)
		}
		if sleep(ctx, pause) != nil {
			return a.explain(ctx, err)
		}
		pause *= 2
	}
}

// passing tells whether a failed read may succeed when it is tried again.
func passing(err error) bool {
	var s *statusError
	if !errors.As(err, &s) {
		return !untrusted(err) && !errors.As(err, new(*Error))
	}
	return s.status >= 500 && s.status != http.StatusNotImplemented && kindOf(s.text) == KindRefused
}

// send writes, once. unsure is true when the answer does not tell whether the
// write took place.
func (a *api) send(ctx context.Context, method, path string, body map[string]any, into any) (unsure bool, err error) {
	switch method {
	case http.MethodPost:
		err = a.client.Post(ctx, path, body, into)
	case http.MethodPut:
		err = a.client.Put(ctx, path, body, into)
	default: // its parameters are in the query
		err = a.client.DeleteWithParams(ctx, path, body, into)
	}
	if err == nil {
		return false, nil
	}
	var s *statusError
	switch {
	case errors.As(err, &s):
		unsure = s.status >= 500 && kindOf(s.text) == KindRefused
	default:
		unsure = !untrusted(err) && !errors.As(err, new(*Error)) && !refusedConnection(err)
	}
	return unsure, a.explain(ctx, err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
