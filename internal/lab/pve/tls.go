package pve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CAFile is the path of the node's CA certificate, what a node has in /etc/pve/pve-root-ca.pem.
func (s *Server) CAFile() string { return filepath.Join(s.o.Dir, "pve-root-ca.pem") }

// certificate returns the node's certificate, signed by a CA that is made at the first start.
func (s *Server) certificate() (tls.Certificate, error) {
	ca, err := s.authority()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot make the node's CA: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf := template(s.o.Node)
	leaf.DNSNames = []string{s.o.Node, "localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, name := range s.o.Names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func (s *Server) authority() (tls.Certificate, error) {
	keyFile := filepath.Join(s.o.Dir, "pve-root-ca.key")
	ca, err := tls.LoadX509KeyPair(s.CAFile(), keyFile)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ca, err
	}
	root := template("Proxmox Virtual Environment")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		return ca, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return ca, err
	}
	err = errors.Join(writePEM(keyFile, "PRIVATE KEY", raw, 0o600), writePEM(s.CAFile(), "CERTIFICATE", der, 0o644))
	if err != nil {
		return ca, err
	}
	return tls.LoadX509KeyPair(s.CAFile(), keyFile)
}

func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(random(16)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Proxmox Virtual Environment"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(2, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails, see crypto/rand
	return b
}
