package server

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformfile"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// fakeRules is a kernel that keeps what is loaded, and a guard that never runs.
type fakeRules struct {
	mu     sync.Mutex
	loaded netfw.RuleSet
}

func (f *fakeRules) LoadRules(_ context.Context, set netfw.RuleSet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loaded = set
	return nil
}

func (f *fakeRules) Seen(context.Context) (netfw.Seen, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := netfw.Seen{}
	for _, family := range []netfw.Family{netfw.IPv4, netfw.IPv6, netfw.BridgePins} {
		for _, c := range f.loaded.Of(family) {
			chain := netfw.SeenChain{Family: family, Table: c.Table, Name: c.Name, Jumps: 1, First: true}
			for _, r := range c.Rules {
				chain.Rules = append(chain.Rules, netfw.SeenRule{Rule: r, Packets: 1, Bytes: 60})
			}
			s.Chains = append(s.Chains, chain)
		}
	}
	return s, nil
}

func (f *fakeRules) CompareRules(_ context.Context, set netfw.RuleSet) ([]netfw.Difference, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return netfw.Changes(f.loaded, set), nil
}

func (*fakeRules) Arm(context.Context, string, time.Duration) (string, error) { return "a test", nil }

func (*fakeRules) Disarm(context.Context, string, string) error { return nil }

// firewallOn is the real truth and service on a fake kernel.
func firewallOn(t testing.TB, dir string, rules *fakeRules, store *platformfile.Store, o firewall.Options) *firewall.Service {
	t.Helper()
	truth, err := confirm.Open(confirm.Options{Dir: filepath.Join(dir, "firewall"), Run: filepath.Join(dir, "run"), Loader: rules, Guard: rules})
	if err != nil {
		t.Fatal(err)
	}
	o.Truth, o.Kernel = truth, rules
	o.Platform = func() (*platform.Platform, error) {
		_, p, _, err := store.Read()
		return p, err
	}
	return firewall.New(o)
}

func (w *world) firewall() *firewall.Service {
	w.t.Helper()
	return firewallOn(w.t, w.dir, &w.rules, w.store, firewall.Options{
		Missing: func(context.Context) ([]string, error) {
			if w.get("teleport.install") {
				return nil, nil
			}
			return []string{"teleport.install"}, nil
		},
		Publish: w.engine.Publish, Changed: func() { w.changes.Add(1) },
	})
}

func (w *world) firewallDir() string { return filepath.Join(w.dir, "firewall") }

// withPhase0 has the rules of phase 0, and what phase 1 closes, in the files for the boot, as its step
// leaves them.
func (w *world) withPhase0() {
	w.t.Helper()
	_, p, _, err := w.store.Read()
	w.must(err)
	c := phase.Rules(p)
	c.Parts = netfw.PartInput | netfw.PartForward // and of phase 1, which brings the pins
	set, err := netfw.Rules(c)
	w.must(err)
	w.must(os.MkdirAll(w.firewallDir(), 0o700))
	w.must(os.WriteFile(filepath.Join(w.firewallDir(), "rules.v4"), netfw.Render(set.V4), 0o600))
	w.must(os.WriteFile(filepath.Join(w.firewallDir(), "rules.v6"), netfw.Render(set.V6), 0o600))
	w.must(w.rules.LoadRules(context.Background(), set))
}
