package rest

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

// dial opens a connection and has it verified before anything is sent.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	config, err := c.tls(host)
	if err != nil {
		return nil, err
	}
	plain, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(plain, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, &TrustError{CAFile: c.o.CAFile, Err: err}
	}
	return secure, nil
}

// Reach connects and verifies the node's certificate, and sends nothing.
func (c *Client) Reach(ctx context.Context) error {
	u, err := url.Parse(c.o.URL)
	if err != nil {
		return err
	}
	conn, err := c.dial(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	return conn.Close()
}
