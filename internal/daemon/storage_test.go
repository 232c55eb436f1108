package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/storage"
	zfsdriver "github.com/waddle-social/waddle/pkg/zfs"
)

// readyStorage is the adapter over stand-ins on which phase 1 was applied, and
// the pool, for what others do.
func readyStorage(t *testing.T, change func(*platform.Platform)) (storageAPI, *zfs.Pool) {
	t.Helper()
	dir := t.TempDir()
	tree, err := lio.Open(lio.Options{})
	must(t, err)
	must(t, tree.Mkdir("/sys/kernel/config/target/iscsi")) // as iscsi_target_mod's first user does
	pool, err := zfs.Open(zfs.Options{Dir: filepath.Join(dir, "pool"), Dev: filepath.Join(dir, "dev"), Size: 64 << 30, LinkDelay: time.Millisecond, Busy: tree.Busy})
	must(t, err)
	t.Cleanup(pool.Close)
	const file = "../../examples/waddle-social.yaml"
	text, err := os.ReadFile(file)
	must(t, err)
	doc, err := platform.Parse(file, text)
	must(t, err)
	change(doc)
	s := storage.NewService(storage.ServiceOptions{
		Machine:  storage.Machine{ZFS: pool, Pool: pool.Zpool, Dev: filepath.Join(dir, "dev"), FS: tree, Kernel: tree, Root: dir, Keys: filepath.Join(dir, "keys")},
		Platform: func() (*platform.Platform, error) { return doc, nil },
		Log:      slog.New(slog.DiscardHandler),
	})
	b, err := s.Backend()
	must(t, err)
	must(t, b.ApplyDataset(context.Background(), false))
	return storageAPI{s}, pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestASnapshotThatKubernetesKnowsIsKeptForIt(t *testing.T) {
	ctx := context.Background()
	s, pool := readyStorage(t, func(*platform.Platform) {})
	_, err := s.Create(ctx, api.VolumeRequest{Name: "db", SizeBytes: 16 << 20})
	must(t, err)
	_, err = s.Snapshot(ctx, "db", "mine")
	must(t, err)
	_, err = s.Snapshot(ctx, "db", "theirs")
	must(t, err)
	out, err := pool.Run(ctx, zfsdriver.Process{Args: []string{"set", "democratic-csi:csi_snapshot_name=snapcontent-1", "rpool/k8s-csi/v/db@theirs"}})
	if err != nil || out.Code != 0 {
		t.Fatalf("zfs set: %v %s", err, out.Stderr)
	}
	must(t, s.DeleteSnapshot(ctx, "db", "mine", false))
	err = s.DeleteSnapshot(ctx, "db", "theirs", false)
	if p := problem.From(err); p.Code != problem.InUse || !strings.Contains(p.Hint, "--unclaimed") || len(p.Others) != 1 || p.Others[0] != "snapcontent-1" {
		t.Errorf("the snapshot of the cluster: %+v", p)
	}
	v, err := s.Volume(ctx, "db")
	must(t, err)
	if len(v.Snapshots) != 1 || v.Snapshots[0].Claim != "snapcontent-1" {
		t.Errorf("the volume has the snapshots %+v", v.Snapshots)
	}
	must(t, s.DeleteSnapshot(ctx, "db", "theirs", true))
	must(t, s.Delete(ctx, server.DeleteVolume{Name: "db"}))
}

func TestSecretsAreRenderedOnlyWhenTheyAreAskedFor(t *testing.T) {
	s, _ := readyStorage(t, func(p *platform.Platform) { p.Spec.Storage.CHAP = platform.MutualCHAP })
	for _, reveal := range []bool{false, true} {
		v, err := s.Values(context.Background(), true, reveal)
		must(t, err)
		text, err := json.Marshal(v)
		must(t, err)
		if got := strings.Contains(string(text), "PRIVATE KEY"); got != reveal {
			t.Errorf("revealed %v, and the key is there: %v", reveal, got)
		}
		secrets := 0
		for _, m := range v.Manifests {
			if m.Secret {
				secrets++
				continue
			}
			if strings.Contains(m.Yaml, "PRIVATE KEY") {
				t.Errorf("%s has the key and is not marked as a secret", m.Name)
			}
		}
		if secrets != 2 || len(v.Releases) != 2 {
			t.Errorf("%d secrets and %d releases", secrets, len(v.Releases))
		}
		for _, r := range v.Releases {
			if strings.Contains(r.Values, "PRIVATE KEY") {
				t.Errorf("the values of %s have the key", r.Name)
			}
		}
	}
}

func TestAnOlderVolumeIsMovedOverTheAdapter(t *testing.T) {
	ctx := context.Background()
	s, pool := readyStorage(t, func(*platform.Platform) {})
	out, err := pool.Run(ctx, zfsdriver.Process{Args: []string{"create", "-s", "-V", "16777216", "-o", "waddle:export=on", "rpool/k8s-csi/old"}})
	if err != nil || out.Code != 0 {
		t.Fatalf("zfs create: %v %s", err, out.Stderr)
	}
	v, err := s.Move(ctx, "old")
	must(t, err)
	if v.Dataset != "rpool/k8s-csi/v/old" || v.State != api.VolumeStateReady || v.Target == nil {
		t.Errorf("the volume is %+v", v)
	}
	if _, err := s.Move(ctx, "nothing"); problem.From(err).Code != problem.NotFound {
		t.Errorf("a volume that is not there: %v", err)
	}
}

// Lists are never null: a caller in a typed language would fall over it.
func TestEmptyListsOfTheStorageAreEmptyLists(t *testing.T) {
	ctx := context.Background()
	s, _ := readyStorage(t, func(*platform.Platform) {})
	_, err := s.Create(ctx, api.VolumeRequest{Name: "db", SizeBytes: 16 << 20, Private: true})
	must(t, err)
	for name, get := range map[string]func() (any, error){
		"status":   func() (any, error) { return s.Status(ctx) },
		"volume":   func() (any, error) { return s.Volume(ctx, "db") },
		"sessions": func() (any, error) { return s.Sessions(ctx) },
		"orphans":  func() (any, error) { return s.Orphans(ctx) },
		"adoption": func() (any, error) { return s.Adoption(ctx) },
		"values":   func() (any, error) { return s.Values(ctx, false, false) },
	} {
		v, err := get()
		must(t, err)
		text, err := json.Marshal(v)
		must(t, err)
		if strings.Contains(string(text), "null") {
			t.Errorf("%s has a null: %s", name, text)
		}
	}
}

func TestSizesSurviveTheWayIntoTheContractAndBack(t *testing.T) {
	for _, n := range []uint64{0, 1, 16384, math.MaxInt64} {
		if got := size(bytes(n)); got != n {
			t.Errorf("%d became %d", n, got)
		}
	}
	if bytes(math.MaxUint64) != math.MaxInt64 || size(-1) != 0 {
		t.Error("what does not fit is not bounded")
	}
}
