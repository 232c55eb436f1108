package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/listen/listentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inNetns runs fn on a thread in a network namespace of its own, which goes
// with the thread.
func inNetns(t *testing.T, fn func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root: makes a network namespace")
		}
		t.Skip("needs root: makes a network namespace")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = loopbackUp()
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

func address(add bool, cidr string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		return err
	}
	if add {
		return netlink.AddrAdd(lo, a)
	}
	return netlink.AddrDel(lo, a)
}

// greet answers each connection with a word until the listener is closed.
func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("hello"))
		_ = c.Close()
	}
}

func reach(at netip.AddrPort) error {
	c, err := net.DialTimeout("tcp", at.String(), time.Minute)
	if err != nil {
		return err
	}
	defer c.Close()
	word, err := io.ReadAll(c)
	if err == nil && string(word) != "hello" {
		return fmt.Errorf("was greeted with %q", word)
	}
	return err
}

func TestTheListenerIsThereBeforeItsAddressAndOutlivesIt(t *testing.T) {
	for _, at := range []netip.AddrPort{netip.MustParseAddrPort("10.10.0.1:7443"), netip.MustParseAddrPort("[2001:db8::1]:7443")} {
		inNetns(t, func() error {
			l, err := TCP(context.Background(), at)
			if err != nil {
				return fmt.Errorf("before the address is there: %w", err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { greet(l) })
			defer func() { _ = l.Close(); wg.Wait() }()
			if reach(at) == nil {
				return errors.New("the address answers before it is there, the test proves nothing")
			}
			cidr := netip.PrefixFrom(at.Addr(), at.Addr().BitLen()).String()
			for round := range 2 {
				if err := address(true, cidr); err != nil {
					return err
				}
				if err := reachSoon(at); err != nil {
					return fmt.Errorf("with the address, round %d: %w", round, err)
				}
				if err := address(false, cidr); err != nil {
					return err
				}
				if reach(at) == nil {
					return errors.New("the address answers when it is gone")
				}
			}
			return nil
		})
	}
}

// reachSoon bears the duplicate address detection of IPv6.
func reachSoon(at netip.AddrPort) (err error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err = reach(at); err == nil || time.Now().After(end) {
			return err
		}
	}
}

func TestABusyPortSaysWhatHoldsIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = TCP(context.Background(), netip.MustParseAddrPort(l.Addr().String()))
	if err == nil {
		t.Fatal("two listen on one port")
	}
	if want := fmt.Sprintf("cannot listen on %s: the port is held by process %d (", l.Addr(), os.Getpid()); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, want %q…", err, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Error("the error has more than one line")
	}
}

func TestAListenerOnAllAddressesHoldsThePort(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := netip.AddrPortFrom(netip.MustParseAddr("10.10.0.1"), uint16(l.Addr().(*net.TCPAddr).Port))
	if who := Holder("/proc", at); !strings.Contains(who, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("the holder of %s is %q", at, who)
	}
}

// follow runs a follower on loopback addresses until the test ends.
type follow struct {
	*Follower
	mu      sync.Mutex
	want    netip.AddrPort
	present map[netip.Addr]bool
	log     *strings.Builder
}

func newFollow(t *testing.T, at netip.AddrPort) *follow {
	f := &follow{want: at, present: map[netip.Addr]bool{}, log: &strings.Builder{}}
	f.Follower = NewFollower(FollowerOptions{
		Want: func() (netip.AddrPort, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.want, f.want.IsValid()
		},
		Present: func(a netip.Addr) bool { f.mu.Lock(); defer f.mu.Unlock(); return f.present[a] },
		Log:     slog.New(slog.NewTextHandler(&lockedWriter{f: f}, nil)), Every: 20 * time.Millisecond, Backoff: 5 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx, greet) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

type lockedWriter struct{ f *follow }

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	return w.f.log.Write(p)
}

func (f *follow) logged() string { f.mu.Lock(); defer f.mu.Unlock(); return f.log.String() }

func (f *follow) moveTo(at netip.AddrPort) {
	f.mu.Lock()
	f.want = at
	f.mu.Unlock()
	f.Poke()
}

func (f *follow) arrives(a netip.Addr) { f.mu.Lock(); defer f.mu.Unlock(); f.present[a] = true }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

func TestTheListenerMovesOnlyWhenTheNewAddressIsThere(t *testing.T) {
	from, to := listentest.Port(t, "127.0.0.1"), listentest.Port(t, "127.0.0.2")
	f := newFollow(t, from)
	eventually(t, "it listens", func() bool { return reach(from) == nil })
	f.moveTo(to)
	eventually(t, "it listens at the new place too", func() bool { return reach(to) == nil })
	time.Sleep(100 * time.Millisecond)
	if err := reach(from); err != nil {
		t.Errorf("the former place was left before the new address was there: %v", err)
	}
	f.arrives(to.Addr())
	eventually(t, "the former place is left", func() bool { return reach(from) != nil })
	if s, _ := f.State(); !s.Listening || s.Address != to.String() {
		t.Errorf("the state is %+v", s)
	}
}

func TestAMoveThatIsTakenBackBeforeTheAddressIsThere(t *testing.T) {
	from, to := listentest.Port(t, "127.0.0.1"), listentest.Port(t, "127.0.0.2")
	f := newFollow(t, from)
	f.arrives(from.Addr())
	eventually(t, "it listens", func() bool { return reach(from) == nil })
	f.moveTo(to)
	eventually(t, "it listens at the new place", func() bool { return reach(to) == nil })
	f.moveTo(from)
	eventually(t, "the new place is left", func() bool { return reach(to) != nil })
	if err := reach(from); err != nil {
		t.Error(err)
	}
}

func TestABusyPortIsOneLineInTheLogAndTriedAgain(t *testing.T) {
	at := listentest.Port(t, "127.0.0.1")
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	f := newFollow(t, at)
	eventually(t, "the state says so", func() bool {
		s, ok := f.State()
		return ok && !s.Listening && strings.Contains(s.Detail, "held by process")
	})
	time.Sleep(200 * time.Millisecond) // some more attempts
	if n := strings.Count(f.logged(), "does not listen"); n != 1 {
		t.Errorf("%d lines in the log:\n%s", n, f.logged())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it listens", func() bool { return reach(at) == nil })
}

func TestNothingIsWantedYet(t *testing.T) {
	f := newFollow(t, netip.AddrPort{})
	if _, wanted := f.State(); wanted {
		t.Error("it listens somewhere")
	}
}

func TestTheSocketOfAKilledDaemonIsReplacedAndThatOfALivingOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "waddled.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: mustMkdir(t, path), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	l, err := Unix(path, "no-such-group")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v (%v), want 0600 without the group", info.Mode(), err)
	}
	if _, err := Unix(path, "no-such-group"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("a second daemon got %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the socket is left behind")
	}
}

func TestAStoppingDaemonLeavesTheSocketOfTheNextOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "waddled.sock")
	old, err := Unix(path, "no-such-group")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // the next daemon puts its own there
		t.Fatal(err)
	}
	next, err := Unix(path, "no-such-group")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket of the next daemon is gone: %v", err)
	}
}

func mustMkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
