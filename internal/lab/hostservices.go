package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// sshBanner is what sshd of Proxmox VE 8 (Debian 12) says first.
const sshBanner = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n"

// HostPorts are the TCP ports that answer on a fresh host, over both families: sshd,
// rpcbind, spiceproxy, pveproxy. They stand open for whoever is not kept out.
var HostPorts = []uint16{22, 111, 3128, 8006}

// serveHost listens where a fresh Proxmox host listens, so that a closed port is the
// firewall's work and not an absence of anybody behind it.
func serveHost(ctx context.Context, group *errgroup.Group) error {
	cert, err := selfSigned()
	if err != nil {
		return err
	}
	for _, port := range HostPorts {
		for network, any := range map[string]string{"tcp4": "0.0.0.0", "tcp6": "[::]"} {
			ln, err := (&net.ListenConfig{}).Listen(ctx, network, fmt.Sprintf("%s:%d", any, port))
			if err != nil {
				return err
			}
			switch port {
			case 8006:
				serveHTTP(ctx, group, tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}}), http.HandlerFunc(pveproxy))
			case 22:
				greetAll(ctx, group, ln, sshBanner)
			default:
				greetAll(ctx, group, ln, "")
			}
		}
	}
	return nil
}

func pveproxy(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Server", "pve-api-daemon/3.0")
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(rw, "<!doctype html><title>pve - Proxmox Virtual Environment</title>\n")
}

// greetAll accepts connections, says the greeting and hangs up.
func greetAll(ctx context.Context, group *errgroup.Group, ln net.Listener, greeting string) {
	group.Go(func() error {
		<-ctx.Done()
		return ln.Close()
	})
	group.Go(func() error {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(conn, greeting)
			_ = conn.Close()
		}
	})
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: hostName},
		DNSNames:     []string{hostName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
