package confirm

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// Where things are on a host.
const (
	DefaultDir = "/etc/waddle/firewall"
	DefaultRun = "/run/waddle-firewall" // not below the daemon's RuntimeDirectory, which goes when it stops
)

// Loader has rules loaded into the kernel, each table of each family in one
// transaction, and puts back what was there when one of them fails. It says in
// what the kernel differs from a set. netfw.Driver is one.
type Loader interface {
	LoadRules(ctx context.Context, set netfw.RuleSet) error
	CompareRules(ctx context.Context, set netfw.RuleSet) ([]netfw.Difference, error)
}

// Guard has Expire run at a deadline, outside of this process.
type Guard interface {
	// Arm returns once whatever happens to this process cannot keep the guard
	// from running at the deadline, a time of CLOCK_BOOTTIME. handle is for
	// Disarm and for people.
	Arm(ctx context.Context, id string, at time.Duration) (handle string, err error)
	// Disarm takes an armed guard away. One that runs anyway finds nothing to do.
	Disarm(ctx context.Context, id, handle string) error
}

// Options is what a Firewall works on. Loader and Guard are needed.
type Options struct {
	Dir    string // "" means DefaultDir
	Run    string // directory on a tmpfs; "" means DefaultRun
	Loader Loader
	Guard  Guard
	// Lockdown makes the emergency profile from what the host's platform says.
	// Nil, or an error from it, means the built-in lockdown with the exceptions.
	Lockdown func(netfw.Exception) (netfw.RuleSet, error)
	// Seam is called with an operation name before each side effect; an error
	// from it aborts there. Nil allows everything.
	Seam  func(op string) error
	Log   *slog.Logger // nil discards
	Clock Clock        // zero means SystemClock
}

// Firewall is the truth about the host's rules. It is safe for several
// goroutines and processes at once.
type Firewall struct {
	dir, run string
	loader   Loader
	guard    Guard
	lockdown func(netfw.Exception) (netfw.RuleSet, error)
	seam     func(op string) error
	log      *slog.Logger
	clock    Clock
}

// Open returns the firewall. It touches nothing yet.
func Open(o Options) (*Firewall, error) {
	if o.Loader == nil || o.Guard == nil {
		return nil, errors.New("cannot open the firewall: a Loader and a Guard are needed")
	}
	f := &Firewall{dir: o.Dir, run: o.Run, loader: o.Loader, guard: o.Guard, lockdown: o.Lockdown, log: o.Log, clock: o.Clock}
	if f.dir == "" {
		f.dir = DefaultDir
	}
	if f.run == "" {
		f.run = DefaultRun
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.clock.Boot == nil {
		f.clock = SystemClock()
	}
	f.seam = func(op string) error {
		if o.Seam == nil {
			return nil
		}
		return o.Seam("firewall:" + op)
	}
	return f, nil
}

const (
	stateFile     = "state.json"
	emergencyFile = "emergency.json"
)

// read reads state.json; one that does not exist is an empty State.
func (f *Firewall) read() (State, error) {
	path := filepath.Join(f.dir, stateFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{Version: stateVersion}, nil
	}
	if err != nil {
		return State{}, &DamagedError{Path: path, Err: err}
	}
	s, err := decodeState(b)
	if err != nil {
		return State{}, &DamagedError{Path: path, Err: err}
	}
	return s, nil
}

func (f *Firewall) writeState(s State) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := f.write(f.dir, stateFile, append(b, '\n')); err != nil {
		return fmt.Errorf("cannot record the firewall's state in %s: %w", f.dir, err)
	}
	return nil
}

// load is the only way into the kernel.
func (f *Firewall) load(ctx context.Context, set netfw.RuleSet, why string) error {
	if err := f.seam("load"); err != nil {
		return err
	}
	if err := f.loader.LoadRules(ctx, set); err != nil {
		return fmt.Errorf("cannot load %s: %w", why, err)
	}
	return nil
}

// newID is short enough to be typed on a console.
func newID(kind string) string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return kind + "-" + hex.EncodeToString(b)
}

// State is what is known. A *DamagedError still comes with the emergency.
func (f *Firewall) State(context.Context) (State, error) {
	s, err := f.read()
	s.Emergency = f.readEmergency()
	return s, err
}

// disarm is best effort: a guard that runs anyway finds nothing to do.
func (f *Firewall) disarm(ctx context.Context, id, handle string) {
	err := f.seam("disarm")
	if err == nil {
		err = f.guard.Disarm(ctx, id, handle)
	}
	if err != nil {
		f.log.Info("a guard that is not needed any more stays until its time", "id", id, "guard", handle, "error", err)
	}
}
