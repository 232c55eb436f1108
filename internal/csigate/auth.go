package csigate

import (
	"bytes"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/platform"
)

// extension is where the fingerprint of the key is kept for the audit.
const extension = "key-fingerprint"

var (
	errNotAllowed = errors.New("this key or user may not log in here")
	errMadeRoom   = errors.New("it made room for a newer connection before it had logged in")
)

// sshConfig is how conn logs in. That it has is noted before the client is told,
// so that from then on it makes no room for others.
func (s *Server) sshConfig(conn net.Conn) *ssh.ServerConfig {
	c := &ssh.ServerConfig{ServerVersion: "SSH-2.0-waddle", MaxAuthTries: 6}
	c.PublicKeyCallback = func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if meta.User() != User || !bytes.Equal(key.Marshal(), s.o.ClientKey.Marshal()) {
			return nil, errNotAllowed
		}
		return &ssh.Permissions{Extensions: map[string]string{extension: ssh.FingerprintSHA256(key)}}, nil
	}
	c.VerifiedPublicKeyCallback = func(_ ssh.ConnMetadata, _ ssh.PublicKey, p *ssh.Permissions, _ string) (*ssh.Permissions, error) {
		if !s.entered(conn) {
			return nil, errMadeRoom
		}
		return p, nil
	}
	c.AddHostKey(s.o.HostKey)
	return c
}

// Nodes returns the addresses of a platform's nodes, for Options.From. The
// driver's pods appear behind them.
func Nodes(p *platform.Platform) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range p.Spec.Network.Addresses.Nodes {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// allowed reports whether a peer may connect at all.
func (s *Server) allowed(peer net.Addr) bool {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return false
	}
	for _, p := range s.o.From {
		if p.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}
