package netfw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var nonces atomic.Uint32

func newNonce() string { return fmt.Sprintf("nonce-%08x", nonces.Add(1)) }

// attempt is one try to reach somebody, with real packets.
type attempt struct {
	s       *stage
	f       Family
	from    *actor
	src     netip.Addr
	dst     netip.Addr
	to      *actor
	what    string // tcp, udp, ping, one, arp, icmp, syn, synack, tags, dhcp6
	n       int
	timeout time.Duration
}

// succeeds reports whether it comes about.
func (a attempt) succeeds() (bool, error) {
	switch a.what {
	case "tcp", "udp":
		return a.exchanges()
	case "ping":
		return a.oneWay(unix.IPPROTO_ICMP, true)
	case "arp":
		return a.resolves()
	case "tags":
		return a.tagged()
	case "icmp":
		return a.oneWay(unix.IPPROTO_ICMP, false)
	case "syn", "synack":
		return a.oneWay(unix.IPPROTO_TCP, false)
	}
	return a.oneWay(unix.IPPROTO_UDP, false)
}

// exchanges opens a connection from the address, sends and gets an answer.
func (a attempt) exchanges() (bool, error) {
	ok := false
	err := a.from.do(func() error {
		local := net.Addr(&net.TCPAddr{IP: a.src.AsSlice()})
		if a.what == "udp" {
			local = &net.UDPAddr{IP: a.src.AsSlice()}
		}
		dialer := net.Dialer{Timeout: a.timeout, LocalAddr: local}
		c, err := dialer.Dial(a.what, netip.AddrPortFrom(a.dst, uint16(a.n)).String())
		if err != nil {
			return isSetup(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(a.timeout)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "echo"); err != nil {
			return nil
		}
		b := make([]byte, 1)
		_, err = c.Read(b)
		ok = err == nil
		return nil
	})
	return ok, err
}

// isSetup keeps the errors that say that the test is wrong, not that nobody answers.
func isSetup(err error) error {
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENETUNREACH) {
		return err
	}
	return nil
}

// oneWay sends one packet, also from an address that is not the sender's, and
// waits until it is seen at the other end, or with answered at this one.
func (a attempt) oneWay(proto int, answered bool) (bool, error) {
	nonce := newNonce()
	err := a.from.do(func() error {
		fd, err := a.socket(proto)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Sendto(fd, a.packet(nonce), 0, a.sockaddr(a.dst, a.port())); err != nil {
			return err
		}
		if answered {
			return a.awaitAnswer(fd, nonce)
		}
		return nil
	})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EHOSTUNREACH) {
		return false, nil
	}
	if err != nil || answered {
		return err == nil, err
	}
	for end := time.Now().Add(a.timeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if a.s.got.has(nonce) {
			return true, nil
		}
	}
	return false, nil
}

func (a attempt) port() int {
	switch a.what {
	case "one":
		return a.n
	case "dhcp6":
		return 546
	}
	return 0 // raw sockets take none
}

func (a attempt) socket(proto int) (int, error) {
	family, level, transparent := unix.AF_INET, unix.SOL_IP, unix.IP_TRANSPARENT
	if a.f == IPv6 {
		family, level, transparent = unix.AF_INET6, unix.SOL_IPV6, unix.IPV6_TRANSPARENT
		if proto == unix.IPPROTO_ICMP {
			proto = unix.IPPROTO_ICMPV6
		}
	}
	kind := unix.SOCK_RAW
	if proto == unix.IPPROTO_UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return 0, err
	}
	err = unix.SetsockoptInt(fd, level, transparent, 1)
	if err == nil && a.f == IPv6 && proto == unix.IPPROTO_TCP {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_CHECKSUM, 16)
	}
	source := 0
	if a.what == "dhcp6" {
		source = 547
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	}
	if err == nil {
		err = unix.Bind(fd, a.sockaddr(a.src, source))
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("a socket of %s from %s: %w", a.what, a.src, err)
	}
	tv := unix.NsecToTimeval(a.timeout.Nanoseconds())
	return fd, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

func (a attempt) sockaddr(to netip.Addr, port int) unix.Sockaddr {
	if a.f == IPv4 {
		return &unix.SockaddrInet4{Addr: to.As4(), Port: port}
	}
	sa := &unix.SockaddrInet6{Addr: to.As16(), Port: port}
	if to.IsLinkLocalUnicast() {
		if link, err := net.InterfaceByName("eth0"); err == nil {
			sa.ZoneId = uint32(link.Index)
		}
	}
	return sa
}

// packet is what a raw or a datagram socket sends; the nonce is within.
func (a attempt) packet(nonce string) []byte {
	switch a.what {
	case "one", "dhcp6":
		return []byte(nonce)
	case "syn", "synack":
		return a.segment(nonce)
	}
	t := a.n
	if a.what == "ping" {
		t = 8
		if a.f == IPv6 {
			t = 128
		}
	}
	// A new identifier each time, so that no two belong to one connection.
	b := append([]byte{byte(t), 0, 0, 0}, binary.BigEndian.AppendUint32(nil, nonces.Add(1)<<16)...)
	b = append(b, nonce...)
	if a.f == IPv4 {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// segment is a TCP header with a nonce behind it.
func (a attempt) segment(nonce string) []byte {
	flags := byte(0x02)
	if a.what == "synack" {
		flags = 0x12
	}
	b := make([]byte, 20, 40)
	binary.BigEndian.PutUint16(b, uint16(20000+nonces.Add(1)%20000))
	binary.BigEndian.PutUint16(b[2:], uint16(a.n))
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 1024)
	b = append(b, nonce...)
	if a.f == IPv4 {
		pseudo := append(append(a.src.AsSlice(), a.dst.AsSlice()...), 0, unix.IPPROTO_TCP, 0, byte(len(b)))
		binary.BigEndian.PutUint16(b[16:], checksum(append(pseudo, b...)))
	}
	return b
}

// checksum is RFC 1071's.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// awaitAnswer waits for the echo reply with the nonce.
func (a attempt) awaitAnswer(fd int, nonce string) error {
	reply := byte(0)
	if a.f == IPv6 {
		reply = 129
	}
	b := make([]byte, 1500)
	for end := time.Now().Add(a.timeout); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			return err
		}
		icmp := b[:n]
		if a.f == IPv4 { // the header comes along
			icmp = icmp[20:]
		}
		if icmp[0] == reply && strings.Contains(string(icmp), nonce) {
			return nil
		}
	}
	return unix.EAGAIN
}
