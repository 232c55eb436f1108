package vms

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
)

// trust makes the transport that verifies the node's certificate, against the
// node's CA or a pinned fingerprint. It never goes without.
type trust struct {
	caFile string
	name   string
	pin    []byte

	mu   sync.Mutex
	made *http.Transport
}

func parseFingerprint(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	pin, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return nil, fail(KindInvalid, err, "copy it from the node's certificate page, or from: openssl x509 -fingerprint -sha256",
			"the fingerprint %q is no SHA-256 in hexadecimal", text)
	}
	return pin, nil
}

func (t *trust) transport() (*http.Transport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil {
		return t.made, nil
	}
	config := &tls.Config{ServerName: t.name, MinVersion: tls.VersionTLS12}
	if t.pin != nil {
		// The chain is not looked at, the certificate itself is.
		config.InsecureSkipVerify = true
		config.VerifyConnection = t.pinned
	} else {
		roots, err := readCA(t.caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	t.made = &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 8, ForceAttemptHTTP2: false}
	return t.made, nil
}

func readCA(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(KindUntrusted, err, "name the node's CA file, or pin its certificate", "the node's CA cannot be read: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fail(KindUntrusted, nil, "name the node's CA file, or pin its certificate", "%s holds no certificate", path)
	}
	return roots, nil
}

// errPin is what a connection to another certificate than the pinned one fails with.
var errPin = errors.New("the certificate is not the pinned one")

func (t *trust) pinned(s tls.ConnectionState) error {
	got := sha256.Sum256(s.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], t.pin) != 1 {
		return fmt.Errorf("%w: its fingerprint is %s", errPin, hex.EncodeToString(got[:]))
	}
	return nil
}

// forget lets the CA be read again, and ends idle connections.
func (t *trust) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made != nil {
		t.made.CloseIdleConnections()
		t.made = nil
	}
}

// untrusted tells whether a connection failed over the certificate.
func untrusted(err error) bool {
	return errors.Is(err, errPin) || errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}
