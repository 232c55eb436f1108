package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// TCP listens on an address that need not be there yet. With IP_FREEBIND (ip(7))
// the socket is bound before the address exists, and goes on to work when the
// address went and came back.
func TCP(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return freebind(c, at.Addr().Is6()) }}
	l, err := lc.Listen(ctx, "tcp", at.String())
	if errors.Is(err, unix.EADDRINUSE) {
		if who := Holder("/proc", at); who != "" {
			return nil, fmt.Errorf("cannot listen on %s: the port is held by %s", at, who)
		}
		return nil, fmt.Errorf("cannot listen on %s: another process holds the port", at)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", at, err)
	}
	return l, nil
}

func freebind(c syscall.RawConn, v6 bool) error {
	level, option := unix.SOL_IP, unix.IP_FREEBIND
	if v6 {
		level, option = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	var err error
	if cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) }); cerr != nil {
		return cerr
	}
	return err
}
