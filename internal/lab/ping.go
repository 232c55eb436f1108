package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// pingPatience is how long an answer is waited for: long, and then a moment more. A
// machine that stood still meanwhile has the answer, and nobody has read it.
var pingPatience = []time.Duration{500 * time.Millisecond, 100 * time.Millisecond}

// Ping sends count ICMP echo requests from the node and returns how many came back
// within 600 ms each.
func Ping(ctx context.Context, from *Node, target netip.Addr, count int) (answered int, err error) {
	network, kind, reply, proto := "ip4:icmp", icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply), 1
	if target.Is6() {
		network, kind, reply, proto = "ip6:ipv6-icmp", ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
	}
	conn, err := from.ListenPacket(ctx, network, unspecified(target))
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	id := rand.IntN(1 << 16)
	for seq := range count {
		request, err := (&icmp.Message{Type: kind, Body: &icmp.Echo{ID: id, Seq: seq, Data: []byte("waddle-lab")}}).Marshal(nil)
		if err != nil {
			return answered, err
		}
		if _, err := conn.WriteTo(request, &net.IPAddr{IP: target.AsSlice()}); err != nil {
			return answered, fmt.Errorf("cannot ping %s from %s: %w", target, from.Name, err)
		}
		came, err := false, error(nil)
		for _, patience := range pingPatience {
			if came || err != nil {
				break
			}
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				return answered, err
			}
			came, err = awaitEcho(conn, reply, proto, id, seq)
		}
		if err != nil {
			return answered, fmt.Errorf("cannot ping %s from %s: %w", target, from.Name, err)
		}
		if came {
			answered++
		}
		if ctx.Err() != nil {
			return answered, ctx.Err()
		}
	}
	return answered, nil
}

func unspecified(target netip.Addr) string {
	if target.Is6() {
		return "::"
	}
	return "0.0.0.0"
}

func awaitEcho(conn net.PacketConn, reply icmp.Type, proto, id, seq int) (bool, error) {
	buf := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		m, err := icmp.ParseMessage(proto, buf[:n])
		if err != nil || m.Type != reply {
			continue
		}
		if echo, ok := m.Body.(*icmp.Echo); ok && echo.ID == id && echo.Seq == seq {
			return true, nil
		}
	}
}
