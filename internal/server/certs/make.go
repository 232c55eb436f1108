package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
)

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
