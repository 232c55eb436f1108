package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
)

// sshBanner is what sshd of Proxmox VE 8 (Debian 12) says first.
const sshBanner = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n"

// HostPorts are the TCP ports that answer on a fresh host, over both families: sshd,
// rpcbind, spiceproxy, pveproxy. They stand open for whoever is not kept out.
var HostPorts = []uint16{22, 111, 3128, proxmoxPort}

const proxmoxPort = 8006

// serveHost listens where a fresh Proxmox host listens, so that a closed port is the
// firewall's work and not an absence of anybody behind it.
func serveHost(ctx context.Context, group *errgroup.Group) error {
	for _, port := range HostPorts {
		if port == proxmoxPort { // the simulator's own process listens there
			continue
		}
		for network, any := range map[string]string{"tcp4": "0.0.0.0", "tcp6": "[::]"} {
			ln, err := (&net.ListenConfig{}).Listen(ctx, network, fmt.Sprintf("%s:%d", any, port))
			if err != nil {
				return err
			}
			greeting := ""
			if port == 22 {
				greeting = sshBanner
			}
			greetAll(ctx, group, ln, greeting)
		}
	}
	return nil
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
			_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
			_, _ = io.WriteString(conn, greeting)
			_ = conn.Close()
		}
	})
}
