package storage

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gozfs "github.com/mistifyio/go-zfs/v3"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// encrypted is zfs with a volume whose key is not loaded.
type encrypted struct {
	zfs.Runner
	volume string
}

func (e encrypted) Run(ctx context.Context, p zfs.Process) (zfs.Output, error) {
	out, err := e.Runner.Run(ctx, p)
	if slices.Contains(p.Args, "keystatus") {
		out.Stdout = bytes.ReplaceAll(out.Stdout, []byte(e.volume+"\t-\n"), []byte(e.volume+"\tunavailable\n"))
	}
	return out, err
}

// log is what a daemon logs.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestAVolumeWhoseKeyIsNotLoadedHoldsUpNobodyAndIsExportedLater(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	stop := h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	b, err := s.Backend()
	must(t, err)
	for _, name := range []string{"locked", "open"} {
		_, err := b.Create(ctx, CreateRequest{Name: name, Size: size})
		must(t, err)
	}
	want := h.state()
	stop()
	h.boot()
	link := h.at("dev/zvol/" + root + "/v/locked")
	to, err := os.Readlink(link)
	must(t, err)
	must(t, os.Remove(link))

	said := &log{}
	m := h.machine()
	m.ZFS = encrypted{h.pool, root + "/v/locked"}
	again := NewService(ServiceOptions{Machine: m, Platform: func() (*platform.Platform, error) { return h.doc, nil }, Log: slog.New(slog.NewTextHandler(said, nil))})
	h.run(again)
	h.served(again, anyhow)
	if b, err = again.Backend(); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Volume(ctx, "open"); err != nil || v.State != Ready {
		t.Errorf("the other: %+v %v", v, err)
	}
	st, err := again.Status(ctx)
	must(t, err)
	faults := strings.Join(st.Faults, "\n")
	for _, what := range []string{"1 volume is not exported", "locked", "key of its encryption is not loaded", "zfs load-key"} {
		if !strings.Contains(faults, what) {
			t.Errorf("status does not say %q: %s", what, faults)
		}
		if !strings.Contains(said.String(), what) {
			t.Errorf("the log does not say %q: %s", what, said)
		}
	}
	must(t, os.Symlink(to, link)) // the key is loaded
	if f, err := again.LookTarget(ctx, h.doc); err != nil || len(f.Differences) != 1 {
		t.Errorf("the reconciler sees %+v %v", f, err)
	}
	repaired(t, b)
	if h.state() != want {
		t.Errorf("then:\n%s\nwas\n%s", h.state(), want)
	}
}

// TestADeviceThatIsWaitedForHoldsUpNoCommandOfTheDriver: democratic-csi's calls
// have 90 seconds.
func TestADeviceThatIsWaitedForHoldsUpNoCommandOfTheDriver(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "late", Size: size})
	must(t, err)
	iqn, err := b.iscsi.Base().Target("late")
	must(t, err)
	must(t, b.iscsi.Delete(ctx, iqn, false))
	link := filepath.Join(h.at("dev/zvol"), root, "v/late")
	to, err := os.Readlink(link)
	must(t, err)
	must(t, os.Remove(link))
	b.patient = time.Hour
	b.zfs, err = zfs.New(zfs.Options{Root: b.zfs.Root(), Runner: h.pool, Pool: h.pool.Zpool, Dev: h.at("dev"), DeviceWait: b.patient})
	must(t, err)
	mended, made := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := b.Repair(ctx)
		mended <- err
	}()
	go func() { made <- h.driver(b).CreateVolume("pvc-1", size) }()
	select {
	case err := <-made:
		must(t, err)
	case err := <-mended:
		t.Fatalf("the repair did not wait: %v", err)
	case <-aMinute(t).Done():
		t.Error("the driver had to wait for the repair")
	}
	must(t, os.Symlink(to, link))
	must(t, <-mended)
	nothingLeft(t, b)
}

// suspended is zfs on a pool whose devices have failed: it does not come back.
type suspended struct{}

func (suspended) Run(ctx context.Context, _ zfs.Process) (zfs.Output, error) {
	<-ctx.Done()
	return zfs.Output{}, context.Cause(ctx)
}

func TestTheStatusOfASuspendedPoolIsTold(t *testing.T) {
	h := newHost(t)
	h.ready()
	m := h.machine()
	m.ZFS = suspended{}
	m.Pool = func(name string) (*gozfs.Zpool, error) {
		return &gozfs.Zpool{Name: name, Health: "SUSPENDED", Size: 1 << 40}, nil
	}
	b, err := Open(m, h.doc)
	must(t, err)
	ctx := aMinute(t)
	st, err := b.Status(ctx)
	must(t, err)
	if ctx.Err() != nil || !strings.Contains(strings.Join(st.Faults, "\n"), "zpool clear") {
		t.Errorf("%v: %+v", ctx.Err(), st)
	}
}
