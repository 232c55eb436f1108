package listentest

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// Port returns a port of an IPv4 address of this host on which nobody listens and
// that the kernel gives to nobody else until the test ends. It is held by a socket
// that is bound and does not listen: a listener with SO_REUSEADDR, which Go's are,
// may still take it (socket(7)), while the kernel's own choice of a port, for a
// listener on port 0 or a connection's own end, passes it by. A port found by a
// listener that is closed again can belong to another process by the time it is used.
func Port(t testing.TB, host string) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("cannot reserve a port: socket: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatalf("cannot reserve a port: SO_REUSEADDR: %v", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(host).As4()}); err != nil {
		t.Fatalf("cannot reserve a port of %s: bind: %v", host, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatalf("cannot reserve a port of %s: getsockname: %v", host, err)
	}
	at := bound.(*unix.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
}
