package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// trust returns how the server's certificate is checked: against the CA file,
// the CA's fingerprint, or the system's roots.
func trust(o Options) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	switch {
	case o.CAFile != "":
		pool, err := poolOf(o.CAFile)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	case o.CAFingerprint != "":
		want, err := fingerprint(o.CAFingerprint)
		if err != nil {
			return nil, err
		}
		// The usual check knows no CA yet; VerifyConnection makes the whole
		// check, names and dates included, with the CA that has the fingerprint.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyPinned(s, want) }
	}
	return c, nil
}

func poolOf(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("cannot use the CA certificate %s: there is no PEM certificate in it", file)
	}
	return pool, nil
}

func fingerprint(s string) ([]byte, error) {
	want, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(s), "sha256:"), ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("cannot use the CA fingerprint %q: it is not a SHA-256 in hex, 64 digits", s)
	}
	return want, nil
}

func verifyPinned(s tls.ConnectionState, want []byte) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range s.PeerCertificates[1:] {
		if sum := sha256.Sum256(c.Raw); string(sum[:]) == string(want) {
			roots.AddCert(c)
			found = true
			continue
		}
		between.AddCert(c)
	}
	if !found {
		return fmt.Errorf("none of the server's certificates has the CA fingerprint %x: this is another server, or its CA was made anew", want)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: s.ServerName, Roots: roots, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}
