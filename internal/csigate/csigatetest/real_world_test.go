package csigatetest_test

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// rootVariable names the dataset that the tests make, work in and destroy. The
// appliance VM sets it; without ZFS and LIO there is nothing to test.
const rootVariable = "WADDLE_CSI_ROOT"

const (
	base   = "iqn.2026-01.social.waddle"
	portal = "10.10.0.1:3260"
)

// world is this host's own ZFS and LIO with the endpoint on them.
type world struct {
	t      *testing.T
	root   string
	keys   keys.Pair
	policy execute.Policy
	seam   func(op string) error // of the next start

	zfs   *zfs.Client
	iscsi *iscsi.Client
	addr  string
	stop  func()
	one   *ssh.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := os.Getenv(rootVariable)
	if root == "" {
		t.Skipf("needs ZFS, LIO and root: set %s to a dataset that does not exist (make e2e does)", rootVariable)
	}
	if exec.Command("zfs", "list", root).Run() == nil {
		t.Fatalf("%s exists already; this test destroys the dataset that it works in", root)
	}
	w := &world{t: t, root: root, policy: policy(t)}
	pair, err := keys.Ensure(filepath.Join(t.TempDir(), "keys"))
	must(t, err)
	w.keys = pair
	w.start()
	t.Cleanup(func() {
		w.halt()
		w.unexport()
		if out, err := exec.Command("zfs", "destroy", "-r", root).CombinedOutput(); err != nil {
			t.Errorf("zfs destroy -r %s: %v: %s", root, err, out)
		}
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// policy is a platform's, and allows the properties of the transcript too.
func policy(t *testing.T) execute.Policy {
	t.Helper()
	p, err := iscsi.ParsePortal(portal)
	must(t, err)
	return execute.Policy{
		Portal: p, Group: execute.GroupAttributes(platform.NoCHAP), Block: execute.BlockAttributes(), InstanceID: "waddle-social",
		Properties: map[string][]string{"volblocksize": {"16K"}, "refreservation": {"0"}, "compression": {"lz4"}, "dedup": {"off"}},
	}
}

// start starts the daemon's part anew.
func (w *world) start() {
	w.t.Helper()
	w.halt()
	root, err := zfs.ParseRoot(w.root)
	must(w.t, err)
	// An emulated host's udev takes its time.
	w.zfs, err = zfs.New(zfs.Options{Root: root, Seam: w.seam, DeviceWait: 5 * time.Minute})
	must(w.t, err)
	b, err := iscsi.ParseBase(base)
	must(w.t, err)
	w.iscsi, err = iscsi.New(iscsi.Options{Base: b, Devices: "/dev/zvol/" + w.root, Seam: w.seam})
	must(w.t, err)
	if w.seam == nil {
		must(w.t, w.iscsi.Prepare(context.Background()))
		_, err = w.zfs.EnsureLayout(context.Background(), zfs.Layout{})
		must(w.t, err)
	}
	e, err := execute.New(execute.Options{ZFS: w.zfs, ISCSI: w.iscsi, Policy: w.policy})
	must(w.t, err)
	w.serve(e)
}

func (w *world) serve(e *execute.Executor) {
	s, err := csigate.New(csigate.Options{
		Executor: e, HostKey: w.keys.Host, ClientKey: w.keys.Client, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Limits: csigate.Limits{Rate: 1e6, Burst: 1e6}, Audit: func(csigate.Record) {},
	})
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

func (w *world) halt() {
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if w.one != nil {
		_ = w.one.Close()
		w.one = nil
	}
}

// unexport takes away what a failed test has left.
func (w *world) unexport() {
	l, err := w.iscsi.List(context.Background())
	if err != nil {
		w.t.Error(err)
	}
	for _, g := range l.Targets {
		if err := w.iscsi.Delete(context.Background(), g.IQN, true); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) dial() (*ssh.Client, error) {
	signer, err := ssh.ParsePrivateKey([]byte(w.keys.ClientPrivate.Reveal()))
	if err != nil {
		return nil, err
	}
	return ssh.Dial("tcp", w.addr, &ssh.ClientConfig{User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(w.keys.Host.PublicKey()), ClientVersion: "SSH-2.0-ssh2js1.15.0", Timeout: time.Minute})
}

// driver is democratic-csi on one connection.
func (w *world) driver() csigatetest.Driver {
	w.t.Helper()
	if w.one == nil {
		c, err := w.dial()
		must(w.t, err)
		w.one = c
	}
	return w.driverOn(csigatetest.Connection{Client: w.one})
}

func (w *world) driverOn(wire csigatetest.Wire) csigatetest.Driver {
	return csigatetest.Driver{
		Wire: wire, V: w.root + "/v", S: w.root + "/s", Base: base, Portal: portal, Instance: w.policy.InstanceID,
		Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
		Block: []string{"emulate_tpu=1"},
	}
}

// holds fails unless there are n volumes, each complete and exported as the
// policy says, and no target or backstore besides.
func (w *world) holds(n int) {
	w.t.Helper()
	ctx := context.Background()
	const complete = "democratic-csi:provision_success"
	volumes, err := w.zfs.List(ctx, w.zfs.Root().Dataset(), []string{complete}, zfs.Volumes)
	must(w.t, err)
	targets, err := w.iscsi.List(ctx)
	must(w.t, err)
	backstores, err := w.iscsi.Backstores(ctx)
	must(w.t, err)
	if v, g, b := len(volumes.Items), len(targets.Targets), len(backstores); v != n || g != n || b != n {
		w.t.Fatalf("there are %d volumes, %d targets, %d backstores, want %d of each", v, g, b, n)
	}
	for _, i := range volumes.Items {
		v, err := i.Name.Volume()
		must(w.t, err)
		want, err := w.policy.Target(w.iscsi.Base(), v, w.zfs.Device(v))
		must(w.t, err)
		if left, err := w.iscsi.Look(ctx, want); err != nil || len(left) > 0 {
			w.t.Errorf("the target of %s is not as it should be: %v, %v", v, left, err)
		}
		if !maps.Equal(i.User, map[string]string{complete: "true"}) {
			w.t.Errorf("%s says of itself %v", v, i.User)
		}
	}
}

// nothingElse fails when zfs holds more than the two empty parents.
func (w *world) nothingElse() {
	w.t.Helper()
	out, err := exec.Command("zfs", "list", "-r", "-H", "-t", "all", "-o", "name", w.root).Output()
	must(w.t, err)
	want := []string{w.root, w.root + "/s", w.root + "/v"}
	if got := strings.Fields(string(out)); strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("zfs holds %q, want %q", got, want)
	}
	w.holds(0)
}
