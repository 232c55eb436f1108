// Package certs makes and keeps the daemon's own TLS certificates: one CA and
// one certificate for the API, signed by it.
//
// On the host it owns the files ca.crt, ca.key, server.crt and server.key of the
// directory that it is given. The directory is 0700, keys are 0600; ca.crt is
// copied to callers, who trust it.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"
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

func (k *Keeper) newCA() (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	t := k.template(pkix.Name{CommonName: "waddle CA of " + host}, caLifetime)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return k.sign("ca", t, t, key, key)
}

func (k *Keeper) newServer() (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := k.template(pkix.Name{CommonName: "waddled"}, serverLifetime)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range k.names {
		if a, err := netip.ParseAddr(n); err == nil {
			t.IPAddresses = append(t.IPAddresses, a.AsSlice())
			continue
		}
		t.DNSNames = append(t.DNSNames, n)
	}
	return k.sign("server", t, k.ca.cert, key, k.ca.key)
}

func (k *Keeper) template(subject pkix.Name, lifetime time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		serial = big.NewInt(k.now().UnixNano())
	}
	now := k.now()
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(lifetime)}
}

// sign makes the certificate and keeps it. The key is written first: a
// certificate whose key was lost in a crash would be of no use.
func (k *Keeper) sign(name string, t, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
	if err := renameio.WriteFile(filepath.Join(k.dir, name+".key"), pemKey, 0o600); err != nil {
		return nil, err
	}
	if err := renameio.WriteFile(filepath.Join(k.dir, name+".crt"), encodeCert(cert), 0o644); err != nil {
		return nil, err
	}
	return &pair{cert: cert, key: key}, nil
}

func (k *Keeper) load(name string) (*pair, error) {
	c, err := tls.LoadX509KeyPair(filepath.Join(k.dir, name+".crt"), filepath.Join(k.dir, name+".key"))
	if err != nil {
		return nil, err
	}
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is no ECDSA key", filepath.Join(k.dir, name+".key"))
	}
	return &pair{cert: c.Leaf, key: key}, nil
}

func encodeCert(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return names
}
