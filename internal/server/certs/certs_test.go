package certs

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func open(t *testing.T, dir string, c *clock) *Keeper {
	t.Helper()
	k, err := Open(dir, c.read)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Names([]string{"10.10.0.1", "localhost", "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	return k
}

// handshake connects as a caller who trusts the CA's file, at the clock's time.
func handshake(t *testing.T, k *Keeper, ca []byte, name string, c *clock) error {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the CA is no PEM")
	}
	server, client := net.Pipe()
	defer server.Close()
	defer client.Close()
	go func() {
		_ = tls.Server(server, &tls.Config{GetCertificate: k.Certificate, MinVersion: tls.VersionTLS13, Time: c.read}).Handshake()
	}()
	return tls.Client(client, &tls.Config{RootCAs: pool, ServerName: name, Time: c.read}).Handshake()
}

func TestTheCertificateIsTrustedForItsNamesOnly(t *testing.T) {
	c := &clock{time.Now()}
	k := open(t, t.TempDir(), c)
	for name, good := range map[string]bool{"10.10.0.1": true, "localhost": true, "127.0.0.1": true, "10.10.0.9": false, "example.org": false} {
		if err := handshake(t, k, k.CAPEM(), name, c); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreForRootAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	open(t, dir, &clock{time.Now()})
	for name, want := range map[string]fs.FileMode{".": 0o700, "ca.key": 0o600, "server.key": 0o600, "ca.crt": 0o644, "server.crt": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v (%v), want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func TestTheCAStaysOverRestartsRenewalsAndNewNames(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Now()}
	k := open(t, dir, c)
	ca, fingerprint := k.CAPEM(), k.Fingerprint()
	_, first := k.Current()

	c.now = c.now.Add(serverLifetime - renewBefore + time.Hour)
	if err := handshake(t, k, ca, "10.10.0.1", c); err != nil {
		t.Fatal(err)
	}
	if _, renewed := k.Current(); !renewed.After(first) {
		t.Error("the certificate was not renewed when a third of its life was left")
	}
	again := open(t, dir, c)
	if again.Fingerprint() != fingerprint {
		t.Error("a restart made a new CA")
	}
	_, before := k.Current()
	if _, after := again.Current(); !after.Equal(before) {
		t.Error("a restart made a new certificate")
	}
	if err := again.Names([]string{"10.20.0.1"}); err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, again, ca, "10.20.0.1", c); err != nil {
		t.Errorf("the new address: %v", err)
	}
	if err := handshake(t, again, ca, "10.10.0.1", c); err == nil {
		t.Error("the former address is still in the certificate")
	}
}

func TestADamagedServerCertificateIsMadeAnewAndADamagedCAIsNot(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Now()}
	k := open(t, dir, c)
	ca := k.CAPEM()
	if err := os.WriteFile(filepath.Join(dir, "server.crt"), []byte("rubbish"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, open(t, dir, c), ca, "10.10.0.1", c); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, c.read); err == nil || !strings.Contains(err.Error(), "from a backup") {
		t.Errorf("a CA without its key: %v", err)
	}
}

// A kill between the two files of a new CA leaves the key alone.
func TestAFirstStartThatWasKilledIsDoneAgain(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Now()}
	open(t, dir, c)
	for _, name := range []string{"ca.crt", "server.crt", "server.key"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	k := open(t, dir, c)
	if err := handshake(t, k, k.CAPEM(), "10.10.0.1", c); err != nil {
		t.Error(err)
	}
}

func TestACAThatEndsSoonIsSaidAtTheStart(t *testing.T) {
	dir, c := t.TempDir(), &clock{time.Now()}
	open(t, dir, c)
	c.now = c.now.Add(caLifetime - serverLifetime)
	if _, err := Open(dir, c.read); err == nil || !strings.Contains(err.Error(), "it ends at") {
		t.Errorf("got %v", err)
	}
}
