package keys

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestKeysAreMadeOnceAndReadAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "csi")
	first, err := Ensure(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Ensure(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.ClientPrivate.Reveal() != again.ClientPrivate.Reveal() || string(first.Host.PublicKey().Marshal()) != string(again.Host.PublicKey().Marshal()) {
		t.Fatal("the keys are others the second time")
	}
	if string(first.Client.Marshal()) == string(first.Host.PublicKey().Marshal()) {
		t.Fatal("one key for both")
	}
	signer, err := ssh.ParsePrivateKey([]byte(first.ClientPrivate.Reveal()))
	if err != nil || string(signer.PublicKey().Marshal()) != string(first.Client.Marshal()) {
		t.Fatalf("the private key is not that of the public one: %v", err)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, "host_ed25519": 0o600, "client_ed25519": 0o600, "client_ed25519.pub": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Fatalf("%s: %v, mode %v, want %v", name, err, info.Mode().Perm(), want)
		}
	}
}

func TestAKeyThatIsRemovedIsReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "csi")
	first, err := Ensure(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "client_ed25519")); err != nil {
		t.Fatal(err)
	}
	second, err := Ensure(dir)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "client_ed25519.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Client.Marshal()) == string(second.Client.Marshal()) || string(key.Marshal()) != string(second.Client.Marshal()) {
		t.Fatal("the client key was not replaced with its public half")
	}
	if string(first.Host.PublicKey().Marshal()) != string(second.Host.PublicKey().Marshal()) {
		t.Fatal("the host key was replaced too")
	}
}

func TestKeysThatCannotBeTrustedAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, key string) error{
		"others may read it":          func(_ *testing.T, key string) error { return os.Chmod(key, 0o640) },
		"it is no key":                func(_ *testing.T, key string) error { return os.WriteFile(key, []byte("hunter2-not-a-key"), 0o600) },
		"it is empty":                 func(_ *testing.T, key string) error { return os.WriteFile(key, nil, 0o600) },
		"it is a link":                func(t *testing.T, key string) error { return link(t, key) },
		"others may enter its folder": func(_ *testing.T, key string) error { return os.Chmod(filepath.Dir(key), 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "csi")
			if _, err := Ensure(dir); err != nil {
				t.Fatal(err)
			}
			if err := spoil(t, filepath.Join(dir, "client_ed25519")); err != nil {
				t.Fatal(err)
			}
			_, err := Ensure(dir)
			if err == nil || !strings.Contains(err.Error(), "remove it") || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func link(t *testing.T, key string) error {
	elsewhere := filepath.Join(t.TempDir(), "k")
	if err := os.Rename(key, elsewhere); err != nil {
		return err
	}
	return os.Symlink(elsewhere, key)
}

func TestAPrivateKeyIsNeverPrinted(t *testing.T) {
	p, err := Ensure(filepath.Join(t.TempDir(), "csi"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p.ClientPrivate)
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%s %v %+v %#v %s %v", p.ClientPrivate, p.ClientPrivate, p, p.ClientPrivate, text, p.ClientPrivate.LogValue())
	if strings.Contains(all, "PRIVATE KEY") || strings.Contains(all, p.ClientPrivate.Reveal()[60:100]) {
		t.Fatal("the key is in what was printed")
	}
}
