package storage

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gozfs "github.com/mistifyio/go-zfs/v3"
	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/internal/lab/lio"
	labzfs "github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/zfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mib  = 1 << 20
	root = "rpool/k8s-csi"
	base = "iqn.2026-01.social.waddle"
	node = "iqn.2004-10.com.example:node1"
)

var nodeAddress = netip.MustParseAddr("10.10.0.10")

// host is a machine of stand-ins that outlives the daemon on it.
type host struct {
	t    testing.TB
	dir  string
	pool *labzfs.Pool
	tree *lio.Tree
	seam func(op string) error
	doc  *platform.Platform
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir()}
	var err error
	h.tree, err = lio.Open(lio.Options{Unloaded: true})
	must(t, err)
	h.pool, err = labzfs.Open(labzfs.Options{Dir: h.at("pool"), Dev: h.at("dev"), Size: 64 << 30, LinkDelay: time.Millisecond, Busy: func(device string) bool { return h.tree.Busy(device) }})
	must(t, err)
	t.Cleanup(h.pool.Close)
	text, err := os.ReadFile("../../examples/waddle-social.yaml")
	must(t, err)
	h.doc, err = platform.Parse("waddle-social.yaml", text)
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *host) at(path string) string { return filepath.Join(h.dir, path) }

func (h *host) machine() Machine {
	return Machine{
		ZFS: h.pool, Pool: h.pool.Zpool, Dev: h.at("dev"), FS: h.tree, Kernel: h.tree, Root: h.at("root"), Keys: h.at("keys"),
		Listen: func(string) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") },
		Seam: func(op string) error {
			if h.seam == nil {
				return nil
			}
			return h.seam(op)
		},
	}
}

// bare is a Backend on a host on which nothing was done.
func (h *host) bare() *Backend {
	h.t.Helper()
	b, err := Open(h.machine(), h.doc)
	must(h.t, err)
	b.youth = 0
	return b
}

// ready is a Backend on a host with phase 1's storage.
func (h *host) ready() *Backend {
	h.t.Helper()
	b := h.bare()
	must(h.t, b.ApplyDataset(context.Background(), false))
	must(h.t, b.iscsi.Prepare(context.Background()))
	return b
}

func (h *host) service() *Service {
	return NewService(ServiceOptions{Machine: h.machine(), Platform: func() (*platform.Platform, error) { return h.doc, nil }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// state is all that is kept on the host, without this run's paths.
func (h *host) state() string {
	return strings.ReplaceAll(h.pool.String()+h.tree.String(), h.at("dev"), "/dev")
}

// login plays a node that logs in to a volume.
func (h *host) login(asset string) {
	h.t.Helper()
	must(h.t, h.tree.Login(base+":"+asset, "10.10.0.1:3260", node, nodeAddress, lio.Credentials{}))
}

// zvol makes a volume as somebody else would, with properties name=value.
func (h *host) zvol(b *Backend, name string, properties ...string) {
	h.t.Helper()
	v, err := b.zfs.Root().Volume(name)
	must(h.t, err)
	var ps []zfs.Property
	for _, pair := range properties {
		name, value, _ := strings.Cut(pair, "=")
		p, err := zfs.NewProperty(name, value)
		must(h.t, err)
		ps = append(ps, p)
	}
	_, err = b.zfs.Create(context.Background(), zfs.CreateVolumeSpec{Volume: v, Size: 16 * mib, Sparse: true, Properties: ps, Parents: true})
	must(h.t, err)
}

// driverMade is what democratic-csi sets on a volume that it has finished.
var driverMade = []string{nameProperty + "=pvc-1", managedProperty + "=true", completeProperty + "=true"}

// boot is what a reboot leaves: volumes, and a kernel without targets.
func (h *host) boot() {
	h.t.Helper()
	var err error
	h.tree, err = lio.Open(lio.Options{Unloaded: true})
	must(h.t, err)
}

// driver is democratic-csi, which hands its commands to b.
func (h *host) driver(b *Backend) csigatetest.Driver {
	return csigatetest.Driver{
		Wire: wire{b}, V: root + "/v", S: root + "/s", Base: base, Portal: "10.10.0.1:3260", Instance: string(h.doc.Metadata.Name),
		Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
		Block: []string{"emulate_tpu=1"},
	}
}

// wire runs commands as the endpoint does, without SSH.
type wire struct{ b *Backend }

func (w wire) Exec(command string, _ bool) (csigatetest.Result, error) {
	c, err := grammar.Parse(w.b.execute.Layout(), command)
	if err != nil {
		return csigatetest.Result{}, err
	}
	a := w.b.execute.Run(context.Background(), c)
	return csigatetest.Result{Stdout: string(a.Stdout), Stderr: string(a.Stderr), Code: a.Code}, nil
}

// nothingLeft demands that nothing is an orphan.
func nothingLeft(t testing.TB, b *Backend) {
	t.Helper()
	left, err := b.Orphans(context.Background())
	must(t, err)
	for _, o := range left {
		t.Errorf("left: %+v", o)
	}
}

// repaired demands that Repair mends all that it finds.
func repaired(t testing.TB, b *Backend) []Repaired {
	t.Helper()
	done, err := b.Repair(context.Background())
	must(t, err)
	for _, r := range done {
		if r.Err != nil {
			t.Errorf("repair of %s: %v", r.Object, r.Err)
		}
	}
	return done
}

// absent is zfs on a host whose pool is not imported.
type absent struct{}

func (absent) Run(_ context.Context, p zfs.Process) (zfs.Output, error) {
	name := p.Args[len(p.Args)-1]
	return zfs.Output{Stderr: []byte("cannot open '" + name + "': dataset does not exist\n"), Code: 1}, nil
}

func noPool(name string) (*gozfs.Zpool, error) {
	return nil, errors.New("cannot open '" + name + "': no such pool")
}

// set sets a property as somebody with zfs would, whatever is in it.
func (h *host) set(property, value, object string) {
	h.t.Helper()
	out, err := h.pool.Run(context.Background(), zfs.Process{Args: []string{"set", property + "=" + value, object}})
	must(h.t, err)
	if out.Code != 0 {
		h.t.Fatalf("zfs set: %s", out.Stderr)
	}
}
