package rest

import (
	"context"
	"crypto/tls"
	"net"
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
