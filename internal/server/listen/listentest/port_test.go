package listentest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestAReservedPortIsRefusedUntilSomebodyListensAndGivenToNobodyElse(t *testing.T) {
	at := Port(t, "127.0.0.1")
	if c, err := net.Dial("tcp", at.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("before anybody listens: %v, %v", c, err)
	}
	for range 2 { // and again after the listener is closed
		l, err := net.Listen("tcp", at.String())
		if err != nil {
			t.Fatalf("cannot listen on the reserved port: %v", err)
		}
		c, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Close(), l.Close()
	}
}

// In a network namespace with four ports to give, everybody who asks for one gets
// another one than the reserved.
func TestTheKernelGivesAReservedPortToNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root: makes a network namespace")
		}
		t.Skip("needs root: makes a network namespace")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the namespace goes with the thread
		done <- askForAllPorts(t)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func askForAllPorts(t *testing.T) error {
	if err := fourPorts(); err != nil {
		return err
	}
	at := Port(t, "127.0.0.1")
	l, err := net.Listen("tcp", "127.0.0.2:1") // not one of the four
	if err != nil {
		return err
	}
	defer l.Close()
	for what, ask := range map[string]func() (net.Addr, io.Closer, error){
		"a listener": func() (net.Addr, io.Closer, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, nil, err
			}
			return l.Addr(), l, nil
		},
		"a connection": func() (net.Addr, io.Closer, error) {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return nil, nil, err
			}
			return c.LocalAddr(), c, nil
		},
	} {
		given, err := askUntilRefused(ask)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if len(given) != 3 || slices.Contains(given, at.Port()) {
			return fmt.Errorf("%s was given %d of four, %d is reserved", what, given, at.Port())
		}
	}
	return nil
}

// fourPorts puts the thread into a network namespace whose kernel has four ports to give.
func fourPorts() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40003"), 0)
}

func askUntilRefused(ask func() (net.Addr, io.Closer, error)) (given []uint16, err error) {
	for {
		a, c, err := ask()
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EADDRNOTAVAIL) {
			return given, nil
		} else if err != nil {
			return given, err
		}
		defer c.Close()
		given = append(given, a.(*net.TCPAddr).AddrPort().Port())
	}
}
