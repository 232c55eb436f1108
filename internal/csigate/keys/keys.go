package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"
)

// Pair is what the endpoint and the driver's configuration need.
type Pair struct {
	Host   ssh.Signer    // the endpoint's host key
	Client ssh.PublicKey // the one key that may log in
	// ClientPrivate is for the driver's configuration.
	ClientPrivate Private
}

// Private is a private key in OpenSSH's PEM form. However it is printed, logged
// or marshalled it shows a placeholder.
type Private struct{ pem string }

// Reveal returns the PEM text.
func (p Private) Reveal() string { return p.pem }

// String implements fmt.Stringer.
func (p Private) String() string { return "(secret)" }

// GoString implements fmt.GoStringer.
func (p Private) GoString() string { return "keys.Private{(secret)}" }

// LogValue implements slog.LogValuer.
func (p Private) LogValue() slog.Value { return slog.StringValue("(secret)") }

// MarshalText implements encoding.TextMarshaler.
func (p Private) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// Ensure returns the keys in dir, making what is not there. To replace a key
// that got into wrong hands, remove its file and call Ensure again.
func Ensure(dir string) (Pair, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Pair{}, fmt.Errorf("cannot keep the storage endpoint's keys: %w", err)
	}
	if err := private(dir, "folder"); err != nil {
		return Pair{}, err
	}
	host, _, err := one(filepath.Join(dir, "host_ed25519"), "waddle storage endpoint, host")
	if err != nil {
		return Pair{}, err
	}
	client, text, err := one(filepath.Join(dir, "client_ed25519"), "waddle storage endpoint, democratic-csi")
	if err != nil {
		return Pair{}, err
	}
	return Pair{Host: host, Client: client.PublicKey(), ClientPrivate: Private{pem: text}}, nil
}

// one reads a key, or makes it.
func one(path, comment string) (ssh.Signer, string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = create(path, comment); err != nil {
			return nil, "", fmt.Errorf("cannot make key %s: %w", path, err)
		}
	}
	if err != nil {
		return nil, "", fmt.Errorf("cannot read key: %w", err)
	}
	if err := private(path, "key"); err != nil {
		return nil, "", err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil || signer.PublicKey().Type() != ssh.KeyAlgoED25519 {
		// The cause may quote what it could not read.
		return nil, "", fmt.Errorf("cannot use key %s: it is not an ed25519 private key without a passphrase; remove it and a new one is made", path)
	}
	return signer, string(text), publish(path, signer.PublicKey(), comment)
}

func create(path, comment string) ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(block)
	return text, renameio.WriteFile(path, text, 0o600)
}

// publish keeps the public half beside the key, for people to compare.
func publish(path string, key ssh.PublicKey, comment string) error {
	want := append(ssh.MarshalAuthorizedKey(key)[:len(ssh.MarshalAuthorizedKey(key))-1], []byte(" "+comment+"\n")...)
	if is, err := os.ReadFile(path + ".pub"); err == nil && string(is) == string(want) {
		return nil
	}
	if err := renameio.WriteFile(path+".pub", want, 0o644); err != nil {
		return fmt.Errorf("cannot write public key: %w", err)
	}
	return nil
}

// private refuses what others than the owner can reach: a key that somebody may
// have read is not repaired by changing its mode.
func private(path, what string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", what, err)
	}
	if info.Mode().Perm()&0o077 != 0 || info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("cannot use %s %s: it is a link, or others than its owner may open it (mode %#o); remove it and a new one is made", what, path, info.Mode().Perm())
	}
	return nil
}
