package phase

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/engine"
)

// The name is that of httptest's certificate.
const appName, loginName = "example.com", "teleport.waddle.social"

func TestTheUIIsBehindTeleportWhenItAsksForTeleportsLogin(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Host != appName || r.TLS.ServerName != appName {
				t.Errorf("asked for %s, SNI %s", r.Host, r.TLS.ServerName)
			}
			http.Redirect(w, r, to, http.StatusFound)
		}
	}
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		verdict engine.Verdict
		says    string
	}{
		"Teleport's login":       {redirect("https://teleport.waddle.social:443/web/launch/example.com?path=%2F"), engine.Proves, "302 Found to Teleport's login, https://teleport.waddle.social:443/web/launch/example.com"},
		"somebody else's":        {redirect("https://teleport.example.org/web/launch/example.com"), engine.Inconclusive, "302 Found to teleport.example.org, which is not Teleport's login"},
		"without TLS":            {redirect("http://teleport.waddle.social/web/launch/example.com"), engine.Inconclusive, "not Teleport's login"},
		"another page of it":     {redirect("https://teleport.waddle.social/healthz"), engine.Inconclusive, "not Teleport's login"},
		"the UI itself":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Proxmox")) }, engine.Contradicts, "200 OK without a login"},
		"a backend that is away": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, engine.Inconclusive, "502 Bad Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewTLSServer(c.answer)
			defer s.Close()
			roots := x509.NewCertPool()
			roots.AddCert(s.Certificate())
			at := netip.MustParseAddrPort(s.Listener.Addr().String())
			e := AppProbe{Roots: roots, Port: at.Port()}.Ask(t.Context(), appName, loginName, at.Addr())
			if e.Verdict != c.verdict || !strings.Contains(e.Answer, c.says) || e.From != "this host" || e.At.IsZero() {
				t.Errorf("it is %+v, want %s, %q", e, c.verdict, c.says)
			}
			if strings.Contains(e.Answer, "path=") {
				t.Errorf("the query is shown: %s", e.Answer)
			}
		})
	}
}

func TestACertificateThatNobodyVouchesForProvesNothing(t *testing.T) {
	s := httptest.NewTLSServer(http.RedirectHandler("https://teleport.waddle.social/web/launch/example.com", http.StatusFound))
	defer s.Close()
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	e := AppProbe{Roots: x509.NewCertPool(), Port: at.Port()}.Ask(t.Context(), appName, loginName, at.Addr())
	if e.Verdict != engine.Inconclusive || !strings.Contains(e.Answer, "certificate signed by unknown authority") {
		t.Errorf("it is %+v", e)
	}
	s.Close()
	e = AppProbe{Port: at.Port()}.Ask(t.Context(), appName, loginName, at.Addr())
	if e.Verdict != engine.Inconclusive || !strings.Contains(e.Answer, "connection refused") {
		t.Errorf("it is %+v", e)
	}
}
