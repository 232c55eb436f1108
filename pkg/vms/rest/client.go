package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
)

// Options say where the node is and who asks.
type Options struct {
	URL        string                 // of the API: https://127.0.0.1:8006/api2/json
	ServerName string                 // that the certificate must be good for; default: the URL's host
	CAFile     string                 // PEM certificates that the node's is checked against, /etc/pve/pve-root-ca.pem
	Token      func() (string, error) // USER@REALM!NAME=SECRET, asked for each request; see TokenFile
	Timeout    time.Duration          // of one request, default 60 s; an upload has its context's
	Every      time.Duration          // the longest pause between two looks at a task, default 500 ms
	Log        *slog.Logger           // a line for each answer, at the level debug; default: none
	// Wrap is put around the transport. It sees requests before the token is in them, and refusals as *Error.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client is safe for use by many at once. The CA file is read at each new connection, so that a
// certificate that was made anew needs no restart.
type Client struct {
	o     Options
	conns *http.Transport
	http  *http.Client
	pve   *proxmox.Client
}

const agent = "waddled" // how we call ourselves in the node's access log

// New makes a client. Nothing is asked yet, and no file is read.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Every == 0 {
		o.Every = 500 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	c := &Client{o: o}
	// Proxmox hangs up on idle connections after a few seconds without telling: a connection is not kept long.
	c.conns = &http.Transport{
		DialTLSContext: c.dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: 2 * time.Second, ResponseHeaderTimeout: 10 * time.Minute, Proxy: nil,
	}
	var t http.RoundTripper = &transport{o: o, base: basePath(o.URL), next: c.conns}
	if o.Wrap != nil {
		t = o.Wrap(t)
	}
	c.http = &http.Client{Transport: t}
	c.pve = proxmox.NewClient(o.URL, proxmox.WithUserAgent(agent), proxmox.WithHTTPClient(c.http))
	return c
}

// URL is where the API is.
func (c *Client) URL() string { return c.o.URL }

// TokenID is the part of the token that is no secret, USER@REALM!NAME: what the node's tasks name who started them.
func (c *Client) TokenID() (string, error) {
	token, err := c.o.Token()
	return TokenID(token), err
}

// Close gives up the connections that wait for another request.
func (c *Client) Close() { c.conns.CloseIdleConnections() }

// Do sends one request whose parameters are texts: see Call.
func (c *Client) Do(ctx context.Context, method, path string, params url.Values, out any) error {
	var all map[string]any
	for name, values := range params {
		if all == nil {
			all = map[string]any{}
		}
		if all[name] = values; len(values) == 1 {
			all[name] = values[0]
		}
	}
	return c.Call(ctx, method, path, all, out)
}

// Call sends one request, once. Parameters go into the query of a GET and DELETE, otherwise into the body, which
// is JSON. What the answer has under data is decoded into out, unless out is nil. Errors are *Error (Proxmox
// answered), what Options.Token fails with (nothing was sent), and *AskError: there is no answer, because of a
// *TrustError or another reason.
func (c *Client) Call(ctx context.Context, method, path string, params map[string]any, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	at, body := path, []byte(nil)
	var err error
	switch {
	case params == nil:
	case method == http.MethodGet || method == http.MethodDelete:
		at += "?" + query(params).Encode()
	default:
		if body, err = json.Marshal(params); err != nil {
			return fmt.Errorf("cannot ask Proxmox for %s %s: %w", method, path, err)
		}
	}
	return c.failed(method, path, c.pve.Req(ctx, method, at, body, out))
}

func query(params map[string]any) url.Values {
	all := url.Values{}
	for name, value := range params {
		if values, several := value.([]string); several {
			all[name] = values
		} else {
			all.Set(name, fmt.Sprint(value))
		}
	}
	return all
}

// failed is what Call and Upload return for what they have failed with.
func (c *Client) failed(method, path string, err error) error {
	var refused *Error
	var none *noToken
	var u *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &none):
		return none.error
	case errors.As(err, &u): // method and address are said once
		err = u.Err
	default:
		err = fmt.Errorf("its answer cannot be read: %w", err)
	}
	path, _, _ = strings.Cut(path, "?")
	return &AskError{Method: method, Path: path, URL: c.o.URL, Err: err}
}
