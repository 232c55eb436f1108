package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options say where the server is and how to reach it.
type Options struct {
	// Server is unix:///run/waddle/waddled.sock or https://10.10.0.1:7443.
	Server string
	// Token is the bearer token for https. TokenFile is read at each call
	// instead, so that a renewed token is taken up.
	Token     string
	TokenFile string
	// CAFile is the daemon's CA certificate (PEM). CAFingerprint is the SHA-256
	// of that certificate in hex, with or without colons, when there is no file:
	// the CA that the server sends has to have it. Without either the system's
	// roots are trusted.
	CAFile        string
	CAFingerprint string
	// SSHConnection is the caller's $SSH_CONNECTION. It is sent over the unix
	// socket only, so that the daemon can refuse to cut that connection.
	SSHConnection string
	// UserAgent is sent with each request, such as waddle/0.1.0.
	UserAgent string
	// Transport replaces the transport that Server asks for; for tests.
	Transport http.RoundTripper
}

// Connection is the client. All generated methods return a *Problem as their
// error when the server answers with one.
type Connection struct {
	*ClientWithResponses
	http *http.Client
}

// Close lets go of idle connections. The client can still be used.
func (c *Connection) Close() { c.http.CloseIdleConnections() }

// New returns a client. It makes no connection yet: a server that is not there
// shows at the first call.
func New(o Options) (*Connection, error) {
	base, own, err := endpoint(o)
	if err != nil {
		return nil, err
	}
	transport := http.RoundTripper(own)
	if o.Transport != nil {
		transport = o.Transport
	}
	doer := &doer{http: &http.Client{Transport: transport, CheckRedirect: noRedirect}, o: o, unix: strings.HasPrefix(o.Server, unixScheme)}
	c, err := NewClientWithResponses(base, WithHTTPClient(doer))
	if err != nil {
		return nil, fmt.Errorf("cannot use server %s: %w", o.Server, err)
	}
	return &Connection{ClientWithResponses: c, http: doer.http}, nil
}

const unixScheme = "unix://"

// endpoint returns the base URL and the transport for the server.
func endpoint(o Options) (string, *http.Transport, error) {
	t := &http.Transport{
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
	if path, ok := strings.CutPrefix(o.Server, unixScheme); ok {
		if !strings.HasPrefix(path, "/") {
			return "", nil, fmt.Errorf("cannot use server %q: the path of a socket is absolute, as in unix:///run/waddle/waddled.sock", o.Server)
		}
		t.DialContext = dialUnix(path)
		return "http://waddled", t, nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", nil, fmt.Errorf("cannot use server %q: it is neither unix:///path/to/socket nor https://host:port", o.Server)
	}
	t.DialContext = dialTCP
	t.TLSClientConfig, err = trust(o)
	if err != nil {
		return "", nil, err
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/"), t, nil
}

// noRedirect makes a redirect an answer that is not understood: the API has
// none, and a token must not follow one.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
