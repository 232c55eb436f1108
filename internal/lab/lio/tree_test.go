package lio_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/iscsi/iscsitest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is a stand-in kernel with some devices.
type lab struct {
	*lio.Tree
	devices string
	paths   []string
}

func newLab(t testing.TB, n int, o lio.Options) *lab {
	t.Helper()
	// Not t.TempDir: its path has the test's name, and commas are refused.
	dir, err := os.MkdirTemp("", "lio")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &lab{devices: dir}
	for i := range n {
		p := filepath.Join(l.devices, fmt.Sprintf("d%d", i))
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l.paths = append(l.paths, p)
	}
	tree, err := lio.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l.Tree = tree
	t.Cleanup(func() { _ = tree.Close() })
	return l
}

func (l *lab) client(t testing.TB, change ...func(*iscsi.Options)) *iscsi.Client {
	t.Helper()
	base, err := iscsi.ParseBase("iqn.2026-01.social.waddle:csi")
	if err != nil {
		t.Fatal(err)
	}
	o := iscsi.Options{Base: base, FS: l.Tree, Host: l.Tree, Devices: l.devices}
	for _, c := range change {
		c(&o)
	}
	c, err := iscsi.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *lab) target(t testing.TB, c *iscsi.Client, asset string, n int) iscsi.Target {
	t.Helper()
	i, err := c.Base().Target(asset)
	if err != nil {
		t.Fatal(err)
	}
	p, err := iscsi.ParsePortal("10.10.0.1:3260")
	if err != nil {
		t.Fatal(err)
	}
	return iscsi.Target{
		IQN: i, Portals: []iscsi.Portal{p},
		LUNs:       []iscsi.LUN{{Backstore: iscsi.Backstore{Device: l.paths[n], Attributes: map[string]string{"emulate_tpu": "1"}}}},
		Attributes: map[string]string{"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"},
	}
}

func TestTheTable(t *testing.T) {
	iscsitest.Suite(t, func(t *testing.T) iscsitest.Backend {
		l := newLab(t, 4, lio.Options{})
		return iscsitest.Backend{FS: l.Tree, Root: "/sys/kernel/config", Host: l.Tree, Devices: l.devices, Paths: l.paths}
	})
}
