package platform

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

var sshKeyRE = regexp.MustCompile(`^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\r\n]*)?$`)

// SSHKey is one public key, as a line of authorized_keys without options.
type SSHKey string

func (SSHKey) rule() rule {
	return rule{kind: textLeaf, pattern: sshKeyRE, noun: "a public key", max: 4096, secret: true,
		allowed: "one public key in one line as in a .pub file, without options: ssh-ed25519, ecdsa, sk-* or ssh-rsa of at least 2048 bits",
		example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA… you@example.org"}
}

func (k SSHKey) wrong() string {
	if looksSecret(string(k)) {
		return "the value (not shown) is a private key: put the line of the .pub file here"
	}
	if strings.HasPrefix(string(k), "ssh-dss ") {
		return "the key is a DSA key, which OpenSSH has stopped to take"
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(k))
	switch {
	case err != nil:
		return "the key cannot be read: it is cut off or mistyped"
	case len(options) > 0:
		return "the key has options in front"
	case len(rest) > 0:
		return "there is more than one key"
	}
	return weakKey(key)
}

// weakKey refuses RSA below 2048 bits, which OpenSSH refuses too by RequiredRSASize when hardened.
func weakKey(key ssh.PublicKey) string {
	c, is := key.(ssh.CryptoPublicKey)
	if !is {
		return ""
	}
	if r, is := c.CryptoPublicKey().(interface{ Size() int }); is && key.Type() == ssh.KeyAlgoRSA && r.Size()*8 < 2048 {
		return fmt.Sprintf("the RSA key has %d bits", r.Size()*8)
	}
	return ""
}

// blob is the key without its comment, to find the same key twice.
func (k SSHKey) blob() string {
	if f := strings.Fields(string(k)); len(f) > 1 {
		return f[1]
	}
	return string(k)
}
