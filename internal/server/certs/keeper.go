package certs

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Lifetimes of the certificates. The server's is renewed when a third is left.
const (
	caLifetime     = 10 * 365 * 24 * time.Hour
	serverLifetime = 90 * 24 * time.Hour
	renewBefore    = serverLifetime / 3
	clockSkew      = time.Hour // a caller's clock may be this far behind
)

// Keeper hands out the server's certificate and renews it when its time or the
// wanted names ask for that. It is safe for use by several goroutines.
type Keeper struct {
	dir string
	now func() time.Time

	mu     sync.Mutex
	ca     *pair
	server *pair
	names  []string
}

type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open reads the certificates in dir or makes them. now is the clock; nil is
// the system's.
func Open(dir string, now func() time.Time) (*Keeper, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory for certificates: %w", err)
	}
	k := &Keeper{dir: dir, now: now}
	var err error
	if k.ca, err = k.loadOrMakeCA(); err != nil {
		return nil, fmt.Errorf("cannot use the API's CA: %w", err)
	}
	if !k.now().Before(k.ca.cert.NotAfter.Add(-serverLifetime)) {
		return nil, fmt.Errorf("cannot use the API's CA %s: it ends at %s; move it and its key away, a new one is made, and give the new ca.crt to all callers",
			k.CAFile(), k.ca.cert.NotAfter.Format(time.RFC3339))
	}
	// A server certificate that cannot be read is made anew: nothing trusts it by itself.
	k.server, _ = k.load("server")
	return k, nil
}

// loadOrMakeCA makes a CA only where none was given out yet: the certificate is
// written last, so without it nobody can have a copy.
func (k *Keeper) loadOrMakeCA() (*pair, error) {
	if _, err := os.Stat(k.CAFile()); errors.Is(err, fs.ErrNotExist) {
		return k.newCA()
	}
	ca, err := k.load("ca")
	if err != nil {
		return nil, fmt.Errorf("%w; put ca.crt and ca.key in %s back from a backup, or move both away: then a new CA is made, and all callers need the new ca.crt", err, k.dir)
	}
	return ca, nil
}

// CAFile is where the CA's certificate is.
func (k *Keeper) CAFile() string { return filepath.Join(k.dir, "ca.crt") }

// CAPEM returns the CA's certificate.
func (k *Keeper) CAPEM() []byte { return encodeCert(k.ca.cert) }

// Fingerprint is the SHA-256 of the CA's certificate (DER) in hex.
func (k *Keeper) Fingerprint() string {
	sum := sha256.Sum256(k.ca.cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Names says for which names and addresses the next certificate has to be.
func (k *Keeper) Names(names []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.names = slices.Compact(slices.Sorted(slices.Values(names)))
	return k.renewIfNeeded()
}

// Current returns the names that the server's certificate is for and when it
// ends.
func (k *Keeper) Current() (names []string, notAfter time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.server == nil {
		return nil, time.Time{}
	}
	return namesOf(k.server.cert), k.server.cert.NotAfter
}

// Certificate is a tls.Config's GetCertificate. It sends the CA along, so that a
// caller who knows only its fingerprint can check the chain.
func (k *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.renewIfNeeded(); err != nil {
		return nil, err
	}
	return &tls.Certificate{
		Certificate: [][]byte{k.server.cert.Raw, k.ca.cert.Raw},
		PrivateKey:  k.server.key, Leaf: k.server.cert,
	}, nil
}

func (k *Keeper) renewIfNeeded() error {
	if k.server != nil && k.server.cert.CheckSignatureFrom(k.ca.cert) == nil &&
		k.now().Before(k.server.cert.NotAfter.Add(-renewBefore)) && slices.Equal(namesOf(k.server.cert), k.names) {
		return nil
	}
	p, err := k.newServer()
	if err != nil {
		return fmt.Errorf("cannot renew the API's certificate: %w", err)
	}
	k.server = p
	return nil
}
