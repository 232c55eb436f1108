package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrNoCA is the cause of a TrustError for a CA file that is not there or holds no certificate.
var ErrNoCA = errors.New("there is no CA certificate in it")

// ParsePin reads the fingerprint of a certificate, SHA-256 in hexadecimal with or without colons, as Proxmox
// and openssl x509 -fingerprint -sha256 show it.
func ParsePin(text string) ([]byte, error) {
	pin, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return nil, fmt.Errorf("the fingerprint %q is no SHA-256 in hexadecimal", text)
	}
	return pin, nil
}

// tls is what a connection to host is verified with. It never goes without.
func (c *Client) tls(host string) (*tls.Config, error) {
	name := c.o.ServerName
	if name == "" {
		name = host
	}
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if c.o.Pin != nil {
		// The chain is not looked at, the certificate itself is.
		config.InsecureSkipVerify = true
		config.VerifyConnection = c.pinned
		return config, nil
	}
	raw, err := os.ReadFile(c.o.CAFile)
	if err != nil {
		return nil, &TrustError{CAFile: c.o.CAFile, Err: fmt.Errorf("%w: %w", ErrNoCA, err)}
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(raw) {
		return nil, &TrustError{CAFile: c.o.CAFile, Err: ErrNoCA}
	}
	return config, nil
}

func (c *Client) pinned(s tls.ConnectionState) error {
	got := sha256.Sum256(s.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], c.o.Pin) != 1 {
		return fmt.Errorf("the certificate is not the pinned one: its fingerprint is %s", hex.EncodeToString(got[:]))
	}
	return nil
}
