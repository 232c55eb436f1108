package appliance

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialChannel speaks SSH with the guest over its virtio-serial port. The guest
// answers when its channel service runs, which is late in its boot; until then
// what we say waits in QEMU.
func dialChannel(ctx context.Context, m machine) (*ssh.Client, error) {
	config, err := channelConfig(m.image)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", m.file("channel.sock"))
	if err != nil {
		return nil, fmt.Errorf("cannot reach the guest's channel: %w", err)
	}
	// The handshake knows no context: its end closes the connection below it.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, "appliance", config)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("cannot speak SSH with the guest: %w", err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

// connect dials until the guest answers or ctx ends. A guest that is going down
// can still take a connection and drop it.
func connect(ctx context.Context, m machine) (*ssh.Client, error) {
	for {
		client, err := dialChannel(ctx, m)
		if err == nil {
			return client, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// channelConfig trusts the image's own keys and no others.
func channelConfig(i image) (*ssh.ClientConfig, error) {
	private, err := os.ReadFile(i.file("client_key"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the image's key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("cannot use the image's key %s: %w", i.file("client_key"), err)
	}
	public, err := os.ReadFile(i.file("host_key.pub"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the guest's host key: %w", err)
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		return nil, fmt.Errorf("cannot use the guest's host key %s: %w", i.file("host_key.pub"), err)
	}
	return &ssh.ClientConfig{
		User:            "root",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(hostKey),
	}, nil
}
