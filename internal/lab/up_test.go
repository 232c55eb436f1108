package lab

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestALabHasAnInternetAScannerAndAHost(t *testing.T) {
	l := startLab(t, Options{Name: "basics"})
	for _, tc := range []struct {
		name string
		node *Node
		url  string
		saw  string
	}{
		{"the host reaches the web server by name", l.Host, "http://" + WebName + "/", "203.0.113.10"},
		{"the host reaches the web server over IPv6", l.Host, "http://[2001:db8:2::80]/", "2001:db8:113::10"},
		{"the scanner reaches the web server", l.Scanner, "http://192.0.2.80/", "198.51.100.7"},
		{"the scanner reaches the web server over IPv6", l.Scanner, "http://[2001:db8:2::80]/", "2001:db8:198:51::7"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, err := tc.node.HTTPClient().Get(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "a page of the lab's internet") {
				t.Fatalf("got %s %q, %v", resp.Status, body, err)
			}
			seen, err := l.Requests(t.Context())
			if err != nil || len(seen) == 0 {
				t.Fatalf("the server has seen nothing: %v", err)
			}
			if got := seen[len(seen)-1].Source.Addr().String(); got != tc.saw && !strings.Contains(tc.url, WebName) {
				t.Errorf("the server saw %s, want %s", got, tc.saw)
			}
		})
	}
}
