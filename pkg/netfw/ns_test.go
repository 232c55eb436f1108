package netfw

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// needRoot skips a test that makes network namespaces; in CI that is a failure.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this test makes network namespaces and needs root")
	}
	t.Skip("this test makes network namespaces and needs root")
}

// ownNamespace moves the test to a network namespace of its own. The thread is
// never unlocked: it ends with the test's goroutine, and the namespace with it.
func ownNamespace(t testing.TB) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("cannot make a network namespace: %v", err)
	}
	run(t, "ip link set lo up")
}

// peer is another network namespace.
type peer struct {
	t   testing.TB
	pid int // of a sleeping process that holds it
}

// newPeer makes a namespace that is connected by a veth pair to a bridge of the
// test's own, with the addresses on its end.
func newPeer(t testing.TB, port, bridge string, addresses ...string) *peer {
	t.Helper()
	holder := exec.Command("unshare", "-n", "sleep", "600")
	if err := holder.Start(); err != nil {
		t.Fatalf("cannot make a peer's namespace: %v", err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	p := &peer{t, holder.Process.Pid}
	p.awaitNamespace()
	run(t, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d", port, p.pid))
	run(t, fmt.Sprintf("ip link set %s up", port))
	if bridge != "" {
		run(t, fmt.Sprintf("ip link set %s master %s", port, bridge))
	}
	p.run("ip link set lo up; sysctl -qw net.ipv6.conf.eth0.accept_dad=0; ip link set eth0 up")
	for _, a := range addresses {
		p.run("ip addr add " + a + " dev eth0")
	}
	return p
}

// awaitNamespace waits until unshare has left the test's namespace.
func (p *peer) awaitNamespace() {
	p.t.Helper()
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		p.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.pid)); err == nil && its != own {
			return
		}
	}
	p.t.Fatal("the peer's namespace did not appear within a minute")
}

func (p *peer) run(script string) string {
	p.t.Helper()
	return run(p.t, fmt.Sprintf("nsenter -t %d -n sh -ec '%s'", p.pid, script))
}

// do calls f on a thread in the peer's namespace.
func (p *peer) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		fd, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", p.pid))
		if err != nil {
			done <- err
			return
		}
		defer fd.Close()
		if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// atOnce is how long an answer that comes at once may take on a busy machine. One
// that should not come is waited for inVain.
const (
	atOnce = 10 * time.Second
	inVain = 300 * time.Millisecond
)

func patience(wanted bool) time.Duration {
	if wanted {
		return atOnce
	}
	return inVain
}

// reaches reports whether a TCP connection to address comes about, which is waited
// for where it should.
func (p *peer) reaches(address string, should bool) bool {
	err := p.do(func() error {
		c, err := net.DialTimeout("tcp", address, patience(should))
		if err != nil {
			return err
		}
		return c.Close()
	})
	return err == nil
}

// serve answers on address, in the calling thread's namespace, with what the
// server saw of the client.
func serve(t testing.TB, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
				_, _ = io.WriteString(c, host+"\n")
				_, _ = io.Copy(c, c) // then an echo
			}()
		}
	}()
}

func (p *peer) serve(address string) {
	p.t.Helper()
	if err := p.do(func() error { serve(p.t, address); return nil }); err != nil {
		p.t.Fatal(err)
	}
}

// run runs a shell script in the calling thread's namespace.
func run(t testing.TB, script string) string {
	t.Helper()
	out, err := exec.Command("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// host is a test's host: a namespace and a root directory.
type host struct {
	t    testing.TB
	root string
	ops  []string
	fail func(op string) error
	*Driver
}

const plainInterfaces = "auto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n"

func newHost(t testing.TB) *host {
	t.Helper()
	ownNamespace(t)
	h := &host{t: t, root: t.TempDir()}
	h.write(interfacesFile, plainInterfaces)
	h.Driver = New(Options{Root: h.root, Seam: h.seamOp})
	return h
}

func (h *host) seamOp(op string) error {
	h.ops = append(h.ops, op)
	if h.fail != nil {
		return h.fail(op)
	}
	return nil
}

// again is the same host after the daemon was started again.
func (h *host) again() { h.Driver = New(Options{Root: h.root, Seam: h.seamOp}) }

// processes returns the processes that were started since the last call.
func (h *host) processes() []string {
	var out []string
	for _, op := range h.ops {
		if s, ok := strings.CutPrefix(op, "netfw:exec:"); ok {
			out = append(out, s)
		}
	}
	h.ops = nil
	return out
}

func (h *host) write(path, content string) {
	h.t.Helper()
	name := filepath.Join(h.root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) content(path string) string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		h.t.Fatal(err)
	}
	return string(b)
}

// stateScript leaves out what the kernel does not put back: the queueing
// discipline of a link that was up once, and the operational state, which
// follows with a delay.
const stateScript = `
ip -o link show | grep -v 'veth\|@if' | sed 's/ qdisc [a-z]*//; s/ state [A-Z]*//; s/ link.ether.*//; s/^[0-9]*: //'
ip -o -4 addr show | sed 's/^[0-9]*: //'
{ iptables-save; ip6tables-save; } | sed '/^#/d'
nft list ruleset
cd /proc/sys/net/ipv4; grep . ip_forward conf/all/accept_redirects conf/default/forwarding conf/lo/forwarding`

// state is everything of the host that undo has to leave as it was.
func (h *host) state() string {
	h.t.Helper()
	var b strings.Builder
	b.WriteString(dropCounters(run(h.t, stateScript)))
	err := filepath.WalkDir(h.root, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "# %s %s\n", strings.TrimPrefix(p, h.root), info.Mode())
		if !e.IsDir() {
			content, err := os.ReadFile(p)
			b.Write(content)
			return err
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}
