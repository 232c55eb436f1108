package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
)

// oldTLS speaks nothing newer than TLS 1.2.
func oldTLS(w *world) *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.server.certs.CAPEM())
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}}
	w.t.Cleanup(t.CloseIdleConnections)
	return t
}
