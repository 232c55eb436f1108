package phase

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
)

// AppProbe asks for an application behind Teleport as a browser does that has no
// session. The zero value trusts what the system trusts.
type AppProbe struct {
	Roots *x509.CertPool // nil is the system's
	Port  uint16         // 0 is 443
}

const appWithin = 5 * time.Second

// Ask gets https://name/ from an address, whatever the DNS says, and follows no
// redirect. Teleport sends who has no session to its own login (302 to
// https://teleport/web/launch/name); a page without one means that Teleport does
// not stand before the application.
func (a AppProbe) Ask(ctx context.Context, name, teleport string, address netip.Addr) engine.Evidence {
	port := a.Port
	if port == 0 {
		port = 443
	}
	at := netip.AddrPortFrom(address, port)
	e := engine.Evidence{What: fmt.Sprintf("GET https://%s/ at %s", name, at), From: "this host", At: time.Now().UTC(), Verdict: engine.Inconclusive}
	resp, err := a.get(ctx, name, at)
	if err != nil {
		e.Answer = err.Error()
		return e
	}
	location, _ := resp.Location() // none is no redirect
	switch {
	case location != nil && location.Scheme == "https" && location.Hostname() == teleport && strings.HasPrefix(location.Path, "/web/launch/"):
		e.Verdict, e.Answer = engine.Proves, fmt.Sprintf("%s to Teleport's login, https://%s%s", resp.Status, location.Host, location.Path)
	case location != nil:
		e.Answer = fmt.Sprintf("%s to %s, which is not Teleport's login", resp.Status, location.Host)
	case resp.StatusCode/100 == 2:
		e.Verdict, e.Answer = engine.Contradicts, resp.Status+" without a login: Teleport does not stand before it"
	default:
		e.Answer = resp.Status
	}
	return e
}

func (a AppProbe) get(ctx context.Context, name string, at netip.AddrPort) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, appWithin)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: a.Roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at.String())
		},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+"/", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}
