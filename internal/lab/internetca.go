package lab

import (
	"bytes"
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
	"os"
	"path/filepath"
	"time"
)

// rootsFile is where Debian keeps the certificates that programs trust.
const rootsFile = "/etc/ssl/certs/ca-certificates.crt"

// internetCA signs the certificates of the lab's internet. Its key never leaves memory.
type internetCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newInternetCA() (*internetCA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificate("CA of the lab's internet")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &internetCA{cert, key}, err
}

func certificate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func (ca *internetCA) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// issue makes one certificate for all the names.
func (ca *internetCA) issue(names ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := certificate(names[0])
	template.DNSNames = names
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// trust puts the CA beside the machine's own into dir/etc-relative place of rootsFile: into
// the host's /etc itself, or into what is laid over the guests'.
func trust(etc string, ca []byte) error {
	roots, err := os.ReadFile(rootsFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(roots) > 0 && !bytes.HasSuffix(roots, []byte("\n")) {
		roots = append(roots, '\n')
	}
	to := filepath.Join(etc, "ssl/certs", filepath.Base(rootsFile))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, append(roots, ca...), 0o644)
}

// trusted are the certificates that a program of a lab's host trusts in the lab's internet.
func trusted(lab string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(internetCAFile(lab))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("cannot read %s: it holds no certificate", internetCAFile(lab))
	}
	return pool, nil
}
