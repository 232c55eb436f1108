package csigate_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/lab/lio"
	labzfs "github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "rpool/k8s-csi"

// world is a host of stand-ins with the endpoint on it.
type world struct {
	t    testing.TB
	tree *lio.Tree
	pool *labzfs.Pool
	dev  string
	keys keys.Pair
	d    csigatetest.Driver

	// What the next start uses.
	zfsSeam   func(op string) error
	iscsiSeam func(op string) error
	runner    func(zfs.Runner) zfs.Runner
	policy    func(*execute.Policy)
	wait      time.Duration // for a device; default 2 s
	limits    csigate.Limits
	from      []netip.Prefix

	zfs    *zfs.Client
	iscsi  *iscsi.Client
	addr   string
	stop   func()
	mu     sync.Mutex
	audit  []csigate.Record
	serial *ssh.Client // one connection for all, as with connection reuse
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "csigate")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{t: t, dev: filepath.Join(dir, "dev"), wait: time.Minute, from: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	w.tree, err = lio.Open(lio.Options{})
	must(t, err)
	w.pool, err = labzfs.Open(labzfs.Options{Dir: filepath.Join(dir, "pool"), Dev: w.dev, Size: 64 << 30, LinkDelay: time.Millisecond, Busy: w.tree.Busy})
	must(t, err)
	t.Cleanup(w.pool.Close)
	w.keys, err = keys.Ensure(filepath.Join(dir, "keys"))
	must(t, err)
	w.d = csigatetest.Driver{
		Wire: w, V: root + "/v", S: root + "/s", Base: "iqn.2026-01.social.waddle", Portal: "10.10.0.1:3260", Instance: "waddle-social",
		Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
		Block: []string{"emulate_tpu=1"},
	}
	t.Cleanup(func() { w.halt() })
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts the daemon's part anew on the same host.
func (w *world) start() *world {
	w.t.Helper()
	w.halt()
	r, err := zfs.ParseRoot(root)
	must(w.t, err)
	var runner zfs.Runner = w.pool
	if w.runner != nil {
		runner = w.runner(runner)
	}
	w.zfs, err = zfs.New(zfs.Options{Root: r, Runner: runner, Pool: w.pool.Zpool, Dev: w.dev, DeviceWait: w.wait, Seam: w.zfsSeam})
	must(w.t, err)
	base, err := iscsi.ParseBase(w.d.Base)
	must(w.t, err)
	w.iscsi, err = iscsi.New(iscsi.Options{Base: base, FS: w.tree, Host: w.tree, Devices: filepath.Join(w.dev, "zvol", root), Seam: w.iscsiSeam})
	must(w.t, err)
	w.layout()
	portal, err := iscsi.ParsePortal(w.d.Portal)
	must(w.t, err)
	policy := execute.Policy{Portal: portal, InstanceID: w.d.Instance, Group: attributes(w.d.Group), Block: attributes(w.d.Block),
		Properties: map[string][]string{"volblocksize": {"16K"}, "refreservation": {"0"}, "compression": {"lz4"}, "dedup": {"off", "verify"}}}
	if w.policy != nil {
		w.policy(&policy)
	}
	e, err := execute.New(execute.Options{ZFS: w.zfs, ISCSI: w.iscsi, Policy: policy})
	must(w.t, err)
	w.serve(e)
	return w
}

// layout makes the two parents and readies the kernel, by clients without the
// seams.
func (w *world) layout() {
	base, err := iscsi.ParseBase(w.d.Base)
	must(w.t, err)
	i, err := iscsi.New(iscsi.Options{Base: base, FS: w.tree, Host: w.tree, Devices: filepath.Join(w.dev, "zvol", root)})
	must(w.t, err)
	must(w.t, i.Prepare(context.Background()))
	r, err := zfs.ParseRoot(root)
	must(w.t, err)
	c, err := zfs.New(zfs.Options{Root: r, Runner: w.pool, Pool: w.pool.Zpool, Dev: w.dev})
	must(w.t, err)
	_, err = c.EnsureLayout(context.Background(), zfs.Layout{})
	must(w.t, err)
}

func (w *world) serve(e csigate.Executor) {
	s, err := csigate.New(csigate.Options{Executor: e, HostKey: w.keys.Host, ClientKey: w.keys.Client, From: w.from, Limits: w.limits, Audit: w.record})
	must(w.t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	w.addr = l.Addr().String()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("serve: %v", err)
		}
	}
}

// halt stops the endpoint as a daemon that ends does.
func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if w.serial != nil {
		_ = w.serial.Close()
		_ = w.serial.Wait()
		w.serial = nil
	}
}

func (w *world) record(r csigate.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.audit = append(w.audit, r)
}

func (w *world) records() []csigate.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]csigate.Record(nil), w.audit...)
}

func attributes(lines []string) map[string]string {
	m := map[string]string{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, "=")
		m[name] = value
	}
	return m
}

// dial logs in as the driver does.
func (w *world) dial() (*ssh.Client, error) {
	signer, err := ssh.ParsePrivateKey([]byte(w.keys.ClientPrivate.Reveal()))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", w.addr, &ssh.ClientConfig{User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(w.keys.Host.PublicKey()), ClientVersion: "SSH-2.0-ssh2js1.15.0", Timeout: time.Minute})
}

// Exec implements csigatetest.Wire on one connection that all share.
func (w *world) Exec(command string, pty bool) (csigatetest.Result, error) {
	w.mu.Lock()
	if w.serial == nil {
		c, err := w.dial()
		if err != nil {
			w.mu.Unlock()
			return csigatetest.Result{}, err
		}
		w.serial = c
	}
	c := w.serial
	w.mu.Unlock()
	return execOn(c, command, pty)
}

// each is a Wire with a new connection for every command, as with
// SSH_REUSE_CONNECTION=0.
func (w *world) each() csigatetest.Wire { return csigatetest.Dialer(w.dial) }

func execOn(c *ssh.Client, command string, pty bool) (csigatetest.Result, error) {
	return csigatetest.Connection{Client: c}.Exec(command, pty)
}

// state is all that zfs and the kernel hold, as text.
func (w *world) state() string {
	return strings.ReplaceAll(w.pool.String()+w.tree.String(), w.dev, "/dev")
}

// left is what zfs and the kernel hold: volumes, targets and backstores.
func (w *world) left() (volumes, targets, backstores int) {
	w.t.Helper()
	ctx := context.Background()
	v, err := w.zfs.List(ctx, w.zfs.Root().Dataset(), nil, zfs.Volumes)
	must(w.t, err)
	l, err := w.iscsi.List(ctx)
	must(w.t, err)
	b, err := w.iscsi.Backstores(ctx)
	must(w.t, err)
	return len(v.Items), len(l.Targets), len(b)
}

func createSpec(v zfs.Volume) zfs.CreateVolumeSpec {
	return zfs.CreateVolumeSpec{Volume: v, Size: 16 << 20, Sparse: true}
}
