package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	proxmoxCAPath   = "/etc/pve/pve-root-ca.pem"
	proxmoxPassword = "lab-root-password"
	// proxmoxPasswordPath is where the stand-in of pvesh, which on a real host needs no
	// password, finds root's.
	proxmoxPasswordPath = "/etc/pve/priv/lab-root-password"
	proxmoxAPI          = "https://127.0.0.1:8006/api2/json"
)

// Proxmox calls the API of the simulated node as root@pam, from the host: what somebody does by
// hand in the web interface. path begins with a slash, below /api2/json. It returns the answer's
// data; a refusal is an error with the status and Proxmox's own words.
func (l *Lab) Proxmox(ctx context.Context, method, path string, params url.Values) (json.RawMessage, error) {
	data, err := l.proxmox(ctx, method, path, params)
	if err != nil {
		return nil, fmt.Errorf("cannot call %s %s of lab %s: %w", method, path, l.Name, err)
	}
	return data, nil
}

func (l *Lab) proxmox(ctx context.Context, method, path string, params url.Values) (json.RawMessage, error) {
	client, err := l.proxmoxClient()
	if err != nil {
		return nil, err
	}
	login := url.Values{"username": {"root@pam"}, "password": {proxmoxPassword}}
	raw, err := callProxmox(ctx, client, http.MethodPost, "/access/ticket", login, nil)
	if err != nil {
		return nil, err
	}
	var ticket struct{ Ticket, CSRFPreventionToken string }
	if err := json.Unmarshal(raw, &ticket); err != nil {
		return nil, err
	}
	return callProxmox(ctx, client, method, path, params, http.Header{
		"Cookie":              {"PVEAuthCookie=" + ticket.Ticket},
		"Csrfpreventiontoken": {ticket.CSRFPreventionToken},
	})
}

func (l *Lab) proxmoxClient() (*http.Client, error) {
	ca, err := l.Host.ReadFile(proxmoxCAPath)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := l.Host.HTTPClient()
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	return client, nil
}

func callProxmox(ctx context.Context, client *http.Client, method, path string, params url.Values, header http.Header) (json.RawMessage, error) {
	url, body := proxmoxAPI+path, params.Encode()
	if method == http.MethodGet || method == http.MethodDelete {
		url, body = url+"?"+body, ""
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, said)
	}
	var answer struct{ Data json.RawMessage }
	err = json.Unmarshal(said, &answer)
	return answer.Data, err
}

// writeProxmoxFiles puts the node's CA and root's password where the host's programs look for them.
func (l *Lab) writeProxmoxFiles(ca []byte) error {
	return errors.Join(
		l.Host.WriteFile(proxmoxCAPath, ca, 0o640),
		l.Host.WriteFile(proxmoxPasswordPath, []byte(proxmoxPassword+"\n"), 0o600),
	)
}
