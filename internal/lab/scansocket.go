package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// What a port answered.
const (
	answerNone byte = iota
	answerOpen
	answerRefused
)

// Bits of a TCP header's flags, RFC 9293.
const (
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
)

// scanner is a raw TCP socket that is connected to one target.
type scanner struct {
	fd      int
	source  netip.Addr
	target  netip.Addr
	port    uint16 // source port
	answers [65536]byte
	sent    int
	buf     [256]byte
}

func newScanner(target netip.Addr) (*scanner, error) {
	family := unix.AF_INET
	if target.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	// Above what the kernel gives to connections of its own.
	s := &scanner{fd: fd, target: target, port: uint16(61000 + rand.IntN(4000))}
	if err := s.setUp(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *scanner) close() { _ = unix.Close(s.fd) }

func (s *scanner) setUp() error {
	// Room for an answer from every port, should nobody read meanwhile.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	var to unix.Sockaddr = &unix.SockaddrInet4{Addr: as4(s.target)}
	if s.target.Is6() {
		// The kernel writes the checksum, at this offset of the TCP header.
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, 16); err != nil {
			return fmt.Errorf("checksum offset: %w", err)
		}
		to = &unix.SockaddrInet6{Addr: s.target.As16()}
	}
	if err := unix.Connect(s.fd, to); err != nil {
		return fmt.Errorf("no way to it: %w", err)
	}
	self, err := unix.Getsockname(s.fd)
	if err != nil {
		return err
	}
	switch a := self.(type) {
	case *unix.SockaddrInet4:
		s.source = netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		s.source = netip.AddrFrom16(a.Addr)
	}
	return nil
}

func as4(a netip.Addr) [4]byte {
	if a.Is4() {
		return a.As4()
	}
	return [4]byte{}
}

// send sends one SYN. An error that an ICMP message left on the socket is taken off it
// and the packet sent again.
func (s *scanner) send(port uint16) error {
	packet := s.syn(port)
	var err error
	for range 5 {
		_, err = unix.Write(s.fd, packet)
		switch {
		case err == nil:
			s.sent++
			return nil
		case isAny(err, unix.EAGAIN, unix.ENOBUFS):
			time.Sleep(time.Millisecond)
		case !isICMP(err) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("send: %w", err)
		}
	}
	if isICMP(err) { // refused each time it was asked: that is an answer, of the silent kind
		return nil
	}
	return fmt.Errorf("send: %w", err)
}

// isICMP reports whether err is what an ICMP message of the target or a router left.
func isICMP(err error) bool {
	return isAny(err, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN)
}

// syn returns the TCP header of a connection request, RFC 9293 section 3.1.
func (s *scanner) syn(port uint16) []byte {
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h[0:], s.port)
	binary.BigEndian.PutUint16(h[2:], port)
	binary.BigEndian.PutUint32(h[4:], rand.Uint32())
	h[12] = 5 << 4 // length in words of 32 bits
	h[13] = tcpSYN
	binary.BigEndian.PutUint16(h[14:], 64240) // window
	if s.target.Is4() {
		binary.BigEndian.PutUint16(h[16:], s.checksum4(h))
	}
	return h
}

// checksum4 is the checksum over the pseudo header of IPv4 and the segment, RFC 1071.
func (s *scanner) checksum4(segment []byte) uint16 {
	src, dst := s.source.As4(), s.target.As4()
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(segment))
	for _, part := range [][]byte{src[:], dst[:], segment} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// collect reads answers until none has come for the time quiet.
func (s *scanner) collect(quiet time.Duration) error {
	for {
		n, err := unix.Read(s.fd, s.buf[:])
		switch {
		case err == nil:
			s.note(s.buf[:n])
		case errors.Is(err, unix.EAGAIN):
			if quiet == 0 {
				return nil
			}
			fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
			if ready, err := unix.Poll(fds, int(quiet.Milliseconds())); err == nil && ready == 0 {
				return nil
			} else if err != nil && !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("wait for answers: %w", err)
			}
		case !isICMP(err) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("read answers: %w", err)
		}
	}
}

// note reads one answer. A raw socket of IPv4 hands over the IP header too.
func (s *scanner) note(packet []byte) {
	if s.target.Is4() {
		if len(packet) < 20 || len(packet) < int(packet[0]&0xf)*4 {
			return
		}
		packet = packet[int(packet[0]&0xf)*4:]
	}
	if len(packet) < 20 || binary.BigEndian.Uint16(packet[2:]) != s.port {
		return
	}
	port, flags := binary.BigEndian.Uint16(packet[0:]), packet[13]
	switch {
	case flags&tcpRST != 0 && s.answers[port] == answerNone:
		s.answers[port] = answerRefused
	case flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK:
		s.answers[port] = answerOpen
	}
}
