package netfw

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// pings reports whether an echo request is answered, which is waited for where it should.
func (p *peer) pings(address string, should bool) bool {
	p.t.Helper()
	err := p.do(func() error { return ping(netip.MustParseAddr(address), patience(should)) })
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Errorf("cannot ping %s: %v", address, err)
	}
	return err == nil
}

func ping(to netip.Addr, within time.Duration) error {
	network, any, protocol := "ip4:icmp", "0.0.0.0", 1
	var request, reply icmp.Type = ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply
	if to.Is6() {
		network, any, protocol = "ip6:ipv6-icmp", "::", 58
		request, reply = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	c, err := icmp.ListenPacket(network, any)
	if err != nil {
		return err
	}
	defer c.Close()
	m := icmp.Message{Type: request, Body: &icmp.Echo{ID: 7, Seq: 1, Data: []byte("waddle")}}
	b, err := m.Marshal(nil) // the kernel sums ICMPv6 up itself
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := c.WriteTo(b, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	for {
		buf := make([]byte, 1500)
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if got, err := icmp.ParseMessage(protocol, buf[:n]); err == nil && got.Type == reply {
			return nil
		}
	}
}
