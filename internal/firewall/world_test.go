package firewall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kernel keeps what is loaded, and arms guards that never run.
type kernel struct {
	mu     sync.Mutex
	loaded netfw.RuleSet
	loads  int
	refuse error
}

func (k *kernel) LoadRules(_ context.Context, set netfw.RuleSet) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		return k.refuse
	}
	k.loaded, k.loads = set, k.loads+1
	return nil
}

func (k *kernel) CompareRules(_ context.Context, set netfw.RuleSet) ([]netfw.Difference, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return netfw.Changes(k.loaded, set), nil
}

func (k *kernel) Seen(context.Context) (netfw.Seen, error) {
	return netfw.Seen{Chains: []netfw.SeenChain{{Family: netfw.IPv4, Table: "filter", Name: "WADDLE-INPUT"}}}, nil
}

func (*kernel) Arm(context.Context, string, time.Duration) (string, error) { return "a test", nil }

func (*kernel) Disarm(context.Context, string, string) error { return nil }

// world is the real truth in a scratch directory and the service on a fake kernel.
type world struct {
	t        *testing.T
	dir      string
	kernel   *kernel
	document *platform.Platform
	noDoc    error
	missing  []string
	reported bool
	now      time.Duration // of CLOCK_BOOTTIME
	mu       sync.Mutex
	events   []string
	woken    int
	*Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	example, err := os.ReadFile("../../examples/waddle-social.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := platform.Parse("platform.yaml", example)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), kernel: &kernel{}, document: doc, now: time.Hour}
	w.again()
	return w
}

// again is a daemon that starts.
func (w *world) again() {
	w.t.Helper()
	truth, err := confirm.Open(confirm.Options{
		Dir: filepath.Join(w.dir, "etc"), Run: filepath.Join(w.dir, "run"), Loader: w.kernel, Guard: w.kernel,
		Clock: confirm.Clock{
			Boot:   func() time.Duration { w.mu.Lock(); defer w.mu.Unlock(); w.now += time.Microsecond; return w.now },
			Wall:   time.Now,
			BootID: func() (string, error) { return "boot-1", nil },
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Service = New(Options{
		Truth: truth, Kernel: w.kernel,
		Platform: func() (*platform.Platform, error) { return w.document, w.noDoc },
		Missing:  func(context.Context) ([]string, error) { return w.missing, nil },
		Reported: func() bool { return w.reported },
		Publish: func(e engine.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e.Type+" "+e.State)
		},
		Changed: func() { w.woken++ },
		Log:     slog.New(slog.DiscardHandler),
	})
}

// rules are those of a profile, of all parts.
func (w *world) rules(p netfw.Profile) netfw.RuleSet {
	w.t.Helper()
	c := phase.Rules(w.document)
	c.Profile = p
	set, err := netfw.Rules(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

// phases0and1 leaves what those phases leave: the boot files, and the same rules loaded.
func (w *world) phases0and1() *world {
	w.t.Helper()
	set := w.rules(netfw.Initial)
	for name, chains := range map[string][]netfw.Chain{"rules.v4": set.V4, "rules.v6": set.V6, "rules.bridge": set.Pins} {
		w.file(name, string(netfw.Render(chains)))
	}
	w.kernel.loaded = set
	return w
}

func (w *world) file(name, content string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "etc", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

// passes is the time that does.
func (w *world) passes(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += d
}

func (w *world) boottime() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// has reports whether the kernel has exactly a profile's rules.
func (w *world) has(p netfw.Profile) bool {
	w.kernel.mu.Lock()
	defer w.kernel.mu.Unlock()
	return len(netfw.Changes(w.kernel.loaded, w.rules(p))) == 0
}

func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.events, ", ")
}

// Callers, as the server knows them.
func (w *world) socket() Caller {
	return Caller{Name: "uid 0 (root)", From: "unix", Local: true, OpenedAt: w.boottime()}
}

func (w *world) tunnel() Caller {
	return Caller{Name: "token ops", From: "127.0.0.1:50000", Local: true, OpenedAt: w.boottime()}
}

func (w *world) teleport(opened time.Duration) Caller {
	return Caller{Name: "token ops", From: "10.10.0.2:41312", OpenedAt: opened,
		Comes: Route{From: netip.MustParseAddrPort("10.10.0.2:41312"), To: netip.MustParseAddrPort("10.10.0.1:7443")}}
}

func (w *world) set(p netfw.Profile) confirm.Pending {
	w.t.Helper()
	got, _, err := w.Set(context.Background(), w.socket(), Change{Profile: p, Within: time.Minute, Force: true})
	if err != nil {
		w.t.Fatalf("cannot set %s: %v", p, err)
	}
	return got
}

func (w *world) status() string {
	w.t.Helper()
	st, err := w.Show(context.Background(), false)
	if err != nil {
		w.t.Fatal(err)
	}
	out := fmt.Sprintf("live %s, boot %s", st.Live, st.Boot)
	if st.Pending != nil {
		out += ", waits"
	}
	if st.Damaged != nil {
		out += ", damaged"
	}
	return out
}

func route(from, to string) Route {
	return Route{From: netip.MustParseAddrPort(from), To: netip.MustParseAddrPort(to)}
}
