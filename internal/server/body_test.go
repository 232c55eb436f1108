package server

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A caller who sends far more than may be taken, over a connection that is not
// kept, still reads why it was refused.
func TestTooLargeIsToldToACallerWhoClosesTheConnection(t *testing.T) {
	w := newWorld(t)
	once := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", w.socket())
		},
	}}
	for n := range 50 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://waddled/v1/platform/validate", strings.NewReader(strings.Repeat("# long\n", 450_000)))
		w.must(err)
		req.Header.Set("Content-Type", "application/yaml")
		resp, err := once.Do(req)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		w.must(resp.Body.Close())
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("request %d: status %d", n, resp.StatusCode)
		}
	}
}
