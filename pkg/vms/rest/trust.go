package rest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ErrNoCA is the cause of a TrustError for a CA file that is not there or holds no certificate.
var ErrNoCA = errors.New("there is no CA certificate in it")

// tls is what a connection to host is verified with. It never goes without.
func (c *Client) tls(host string) (*tls.Config, error) {
	name := c.o.ServerName
	if name == "" {
		name = host
	}
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
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
