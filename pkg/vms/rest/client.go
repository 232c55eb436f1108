package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say where the node is and who asks.
type Options struct {
	URL        string                 // of the API: https://127.0.0.1:8006/api2/json
	ServerName string                 // that the certificate must be good for; default: the URL's host
	CAFile     string                 // PEM certificates that the node's is checked against, /etc/pve/pve-root-ca.pem
	Token      func() (string, error) // USER@REALM!NAME=SECRET, asked for each request; see TokenFile
	Timeout    time.Duration          // of one request, default 60 s; an upload has its context's
	Every      time.Duration          // between two looks at a task, default 500 ms
}

// Client is safe for use by many at once. The CA file is read at each new connection, so that a
// certificate that was made anew needs no restart.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a client. Nothing is asked yet, and no file is read.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Every == 0 {
		o.Every = 500 * time.Millisecond
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	c := &Client{o: o}
	// Proxmox hangs up on idle connections after a few seconds without telling: a connection is not kept long.
	c.http = &http.Client{
		Transport: &http.Transport{
			DialTLSContext: c.dial, IdleConnTimeout: 2 * time.Second, ResponseHeaderTimeout: 10 * time.Minute, Proxy: nil,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Close gives up the connections that wait for another request.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) tls(host string) (*tls.Config, error) {
	name := c.o.ServerName
	if name == "" {
		name = host
	}
	raw, err := os.ReadFile(c.o.CAFile)
	if err != nil {
		return nil, &TrustError{CAFile: c.o.CAFile, Err: err}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, &TrustError{CAFile: c.o.CAFile, Err: errors.New("it holds no PEM certificate")}
	}
	return &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

// Do sends one request. Parameters go into the query of a GET and DELETE, otherwise into the body. What the
// answer has under data is decoded into out, unless out is nil. Errors are *Error (Proxmox answered),
// *TokenError, *TrustError, or that nothing answered.
func (c *Client) Do(ctx context.Context, method, path string, params url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	at, body := c.o.URL+path, io.Reader(nil)
	if method == http.MethodGet || method == http.MethodDelete {
		if len(params) > 0 {
			at += "?" + params.Encode()
		}
	} else {
		body = strings.NewReader(params.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return fmt.Errorf("cannot ask Proxmox for %s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c.send(req, path, out)
}

const mostAnswer = 64 << 20 // bytes of an answer that are read

func (c *Client) send(req *http.Request, path string, out any) error {
	token, err := c.o.Token()
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "PVEAPIToken="+token)
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("cannot ask Proxmox for %s %s at %s: %w", req.Method, path, c.o.URL, cause(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("cannot read what Proxmox answers to %s %s: %w", req.Method, path, err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(req.Method, path, res, raw)
	}
	if out == nil {
		return nil
	}
	answer := struct{ Data any }{out}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("cannot read what Proxmox answers to %s %s: %w", req.Method, path, err)
	}
	return nil
}

// cause is without the address, which the caller says.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
