package vms

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// api is the connection to one node.
type api struct {
	node   string
	retry  time.Duration
	client *rest.Client
}

func (a *api) nodePath(path string) string { return "/nodes/" + url.PathEscape(a.node) + path }

const reads = 4 // how often a read is tried

// get reads. Failures that may pass are tried again a few times.
func (a *api) get(ctx context.Context, path string, into any) error {
	pause := a.retry
	for n := 1; ; n++ {
		err := a.client.Do(ctx, http.MethodGet, path, nil, into)
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
	var s *rest.Error
	if !errors.As(err, &s) {
		return !nothingSent(err) || refusedConnection(err)
	}
	return s.Status >= 500 && s.Status != http.StatusNotImplemented && kindOf(s.Message) == KindRefused
}

// send writes, once. unsure is true when the answer does not tell whether the
// write took place.
func (a *api) send(ctx context.Context, method, path string, body map[string]any, into any) (unsure bool, err error) {
	err = a.client.Call(ctx, method, path, body, into)
	if err == nil {
		return false, nil
	}
	var s *rest.Error
	if errors.As(err, &s) {
		unsure = s.Status >= 500 && kindOf(s.Message) == KindRefused
	} else {
		unsure = !nothingSent(err)
	}
	return unsure, a.explain(ctx, err)
}

// nothingSent tells whether a request failed before it was sent, so that nothing can have happened.
func nothingSent(err error) bool {
	return errors.As(err, new(*rest.TrustError)) || errors.As(err, new(*rest.TokenError)) || errors.As(err, new(*Error)) || refusedConnection(err)
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
