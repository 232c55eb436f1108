package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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
		if cut(err) {
			return nil, fmt.Errorf("the TLS handshake came to no end: %w", err)
		}
		return nil, &TrustError{CAFile: c.o.CAFile, Err: err}
	}
	return secure, nil
}

// cut tells whether a handshake ended before anything was seen that could be distrusted: pveproxy was restarted
// in the middle of it, or did not answer in time.
func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(net.Error)) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
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
