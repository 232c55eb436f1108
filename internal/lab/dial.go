package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// DialContext connects from the node. Names are looked up with the lab's resolver;
// nothing is asked outside the lab.
func (n *Node) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := n.resolve(ctx, network, host)
	if err != nil {
		return nil, err
	}
	var first error
	for _, a := range addrs {
		conn, err := n.dial(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// dial connects to a literal address. The socket is made on the calling thread (one
// address, no race between families), which is what makes the namespace its own.
func (n *Node) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = inNetns(n.netns, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot connect from %s: %w", n.Name, err)
	}
	return conn, nil
}

func (n *Node) resolve(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	family := "ip"
	switch network {
	case "tcp4", "udp4":
		family = "ip4"
	case "tcp6", "udp6":
		family = "ip6"
	}
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.dial(ctx, network, netip.AddrPortFrom(ResolverAddr, 53).String())
	}}
	return r.LookupNetIP(ctx, family, host)
}

// Listen opens a TCP listener in the node; network is tcp, tcp4 or tcp6.
func (n *Node) Listen(ctx context.Context, network, address string) (ln net.Listener, err error) {
	err = inNetns(n.netns, func() (err error) {
		ln, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", n.Name, err)
	}
	return ln, nil
}

// ListenPacket opens a UDP socket in the node.
func (n *Node) ListenPacket(ctx context.Context, network, address string) (pc net.PacketConn, err error) {
	err = inNetns(n.netns, func() (err error) {
		pc, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", n.Name, err)
	}
	return pc, nil
}

// HTTPClient returns a client that speaks from the node, over a new connection for each
// request, and takes no proxy from the environment.
func (n *Node) HTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:           n.DialContext,
		DisableKeepAlives:     true,
		TLSHandshakeTimeout:   30 * time.Second,
		ResponseHeaderTimeout: time.Minute,
	}}
}
