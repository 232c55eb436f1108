package confirm

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// space is a network namespace, held by a process that sleeps.
type space struct {
	t   testing.TB
	pid int
}

func newSpace(t testing.TB) *space {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test makes network namespaces and needs root")
		}
		t.Skip("this test makes network namespaces and needs root")
	}
	// It says itself that it has left ours: by looking from here, a command for
	// the new namespace could be run in the machine's own.
	holder := exec.Command("unshare", "-n", "sh", "-c", "echo; exec sleep 3600")
	ready, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatalf("cannot make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	if _, err := ready.Read(make([]byte, 1)); err != nil {
		t.Fatalf("cannot make a network namespace: %v", err)
	}
	s := &space{t, holder.Process.Pid}
	s.sh("ip link set lo up")
	return s
}

func (s *space) sh(script string) string {
	s.t.Helper()
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(s.pid), "-n", "sh", "-ec", script).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// do calls f on a thread in the namespace; what f starts is there too.
func (s *space) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		fd, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", s.pid))
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = fd.Close() }()
		if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// goFirst has this process run before others: the tests measure milliseconds,
// and a machine that is busy elsewhere would show as a firewall that is late.
// Without the right to it they still run.
func goFirst() { _ = unix.Setpriority(unix.PRIO_PGRP, 0, -15) }

// memory is a directory without a disk beneath, whose sync others hold up.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "firewall")
	if err != nil {
		return t.TempDir() // no /dev/shm: slower
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// lab is a host with SSH, and an operator outside.
type lab struct {
	t              testing.TB
	host, operator *space
}

const (
	hostIPv4 = "192.0.2.1"
	hostIPv6 = "2001:db8::1"
)

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t, newSpace(t), newSpace(t)}
	l.host.sh(fmt.Sprintf(`ip link add vmbr0 type veth peer name eth0 netns %d
		sysctl -qw net.ipv6.conf.vmbr0.accept_dad=0
		ip addr add 192.0.2.1/24 dev vmbr0; ip addr add 2001:db8::1/64 dev vmbr0 nodad; ip link set vmbr0 up`, l.operator.pid))
	l.operator.sh(`sysctl -qw net.ipv6.conf.eth0.accept_dad=0
		ip addr add 192.0.2.7/24 dev eth0; ip addr add 2001:db8::7/64 dev eth0 nodad; ip link set eth0 up`)
	return l
}

// serve has the host answer on TCP port 22, with an echo.
func (l *lab) serve() {
	l.t.Helper()
	err := l.host.do(func() error {
		ln, err := net.Listen("tcp", "[::]:22")
		if err != nil {
			return err
		}
		l.t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go echo(c)
			}
		}()
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func echo(c net.Conn) {
	defer func() { _ = c.Close() }()
	b := make([]byte, 64)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

// loaded has the rules of a profile in the host's kernel and reports whether
// they had been there already.
func (l *lab) loaded(p netfw.Profile) (already bool) {
	l.t.Helper()
	already = true
	err := l.host.do(func() error {
		d := netfw.New(netfw.Options{Seam: func(op string) error {
			if strings.Contains(op, "restore") {
				already = false
			}
			return nil
		}})
		return d.LoadRules(context.Background(), rulesOf(l.t, p))
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return already
}

// prober tries to reach the host's SSH all the time, over both families.
type prober struct {
	stop  atomic.Bool
	in    atomic.Int64 // Boottime of the last try that got in
	done  chan error
	tries []try
}

type try struct {
	at time.Duration // Boottime at its end
	ok bool
}

func (l *lab) probe() *prober {
	p := &prober{done: make(chan error, 1)}
	go func() {
		p.done <- l.operator.do(func() error {
			for n := 0; !p.stop.Load(); n++ {
				to := net.JoinHostPort([]string{hostIPv4, hostIPv6}[n%2], "22")
				c, err := net.DialTimeout("tcp", to, 100*time.Millisecond)
				if err == nil {
					_ = c.Close()
				}
				x := try{Boottime(), err == nil}
				if x.ok {
					p.in.Store(int64(x.at))
				}
				p.tries = append(p.tries, x)
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		})
	}()
	return p
}

func (p *prober) end(t testing.TB) []try {
	t.Helper()
	p.stop.Store(true)
	if err := <-p.done; err != nil {
		t.Error(err)
	}
	return p.tries
}
