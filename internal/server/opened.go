package server

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// openedKey is how a connection is marked with the time at which it was opened.
type openedKey struct{}

// openedAt is the confirm.Boottime at which the request's connection was opened
// by its other end, however often it was used since; 0, which proves nothing,
// without a mark.
func openedAt(ctx context.Context) time.Duration {
	at, _ := ctx.Value(openedKey{}).(time.Duration)
	return at
}

// tick is the resolution of the kernel's ages, and what lies between two looks.
const tick = 10 * time.Millisecond

// openedOf is when a connection's first packet was let in, at the latest. That is
// not when it was accepted: the kernel opens a connection by itself, and a busy
// program may get to it seconds later, when other rules are loaded.
func openedOf(c net.Conn) time.Duration {
	now := confirm.Boottime()
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	if _, ok := c.(*net.UnixConn); ok {
		return now // no rule is asked
	}
	age, ok := ageOf(c)
	if !ok {
		return 0
	}
	return max(0, now-age-tick)
}

// letAge waits until a connection that is opened from now on is seen to be younger
// than the rules that were loaded before: openedOf errs by up to two ticks on the
// careful side, and a caller who is told of new rules and opens a connection at once
// must not be refused.
func letAge() { time.Sleep(3 * tick) }

// ageOf is how long ago a connection's first packet came, at least. Nothing must
// have been sent over it yet: until then the kernel counts the time since the last
// data was sent from the third packet of the handshake (tcp_create_openreq_child).
// The first one came a round trip before it, and an answer that was repeated was
// repeated after one second, two, four.
func ageOf(c net.Conn) (time.Duration, bool) {
	s, ok := c.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info *unix.TCPInfo
	if e := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil || err != nil {
		return 0, false
	}
	age := time.Duration(info.Last_data_sent)*time.Millisecond + time.Duration(info.Rtt)*time.Microsecond
	if n := info.Total_retrans; n > 0 {
		age += time.Duration(1<<min(n, 10)) * time.Second
	}
	return age, true
}
