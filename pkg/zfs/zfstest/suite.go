// Package zfstest is the table of what pkg/zfs may rely on. It runs against the
// lab's stand-in in every test run, and against a real pool where one is named:
//
//	go test -c -o zfstest.test ./pkg/zfs/zfstest
//	WADDLE_ZFS_ROOT=rpool/waddle-test ./zfstest.test -test.v
//
// The named dataset must not exist; the run makes and destroys it.
//
// It touches what the client under test touches, and reads and writes the
// devices of the volumes that it made.
package zfstest

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/zfs"
)

// Row is one fact, in the words of its name.
type Row struct {
	Name string
	Run  func(*Env)
}

// Env is what a row works with: a client whose root has the layout of
// EnsureLayout and nothing else.
type Env struct {
	*testing.T
	C   *zfs.Client
	Ctx context.Context
}

// Suite runs every row, each with a client of its own from open.
func Suite(t *testing.T, open func(t *testing.T) *zfs.Client) {
	for _, r := range Rows() {
		t.Run(r.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			t.Cleanup(cancel)
			e := &Env{T: t, C: open(t), Ctx: ctx}
			if _, err := e.C.EnsureLayout(ctx, zfs.Layout{}); err != nil {
				t.Fatal(err)
			}
			r.Run(e)
		})
	}
}

// Rows returns the table.
func Rows() []Row {
	var all []Row
	for _, part := range [][]Row{layoutRows, volumeRows, snapshotRows, cloneRows, destroyRows, copyRows, readRows} {
		all = append(all, part...)
	}
	return all
}

// MiB is the size that most volumes here have a multiple of.
const MiB = 1 << 20

func (e *Env) volume(name string) zfs.Volume {
	e.Helper()
	n, err := e.C.Root().Dataset().Child("v", name)
	e.ok(err)
	v, err := n.Volume()
	e.ok(err)
	return v
}

// made makes a thin volume of the given size and returns it with its device.
func (e *Env) made(name string, size uint64, properties ...zfs.Property) (zfs.Volume, string) {
	e.Helper()
	v := e.volume(name)
	device, err := e.C.Create(e.Ctx, zfs.CreateVolumeSpec{Volume: v, Size: size, Sparse: true, Properties: properties})
	e.ok(err)
	return v, device
}

// run runs cmd, which must succeed. On a real host udev may still have a fresh
// volume open to look what is on it; such a busy one is tried again for a while.
func (e *Env) run(cmd zfs.Command) {
	e.Helper()
	var err error
	for range 50 {
		if _, err = e.C.Run(e.Ctx, cmd); !errors.Is(err, zfs.ErrBusy) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	e.ok(err)
}

func (e *Env) snap(v zfs.Volume, name string) zfs.Snapshot {
	e.Helper()
	s, err := v.Snapshot(name)
	e.ok(err)
	return s
}

func (e *Env) taken(v zfs.Volume, name string, properties ...zfs.Property) zfs.Snapshot {
	e.Helper()
	s := e.snap(v, name)
	_, err := e.C.Run(e.Ctx, zfs.TakeSnapshot(s, properties...))
	e.ok(err)
	return s
}

func (e *Env) property(name, value string) zfs.Property {
	e.Helper()
	p, err := zfs.NewProperty(name, value)
	e.ok(err)
	return p
}

func (e *Env) info(t zfs.Target, user ...string) zfs.Info {
	e.Helper()
	infos, err := e.C.Get(e.Ctx, user, t)
	e.ok(err)
	if len(infos) != 1 {
		e.Fatalf("got %d infos of %s, want 1", len(infos), t)
	}
	return infos[0]
}

func (e *Env) missing(t zfs.Target) {
	e.Helper()
	if _, err := e.C.Get(e.Ctx, nil, t); !errors.Is(err, zfs.ErrNotExist) {
		e.Fatalf("%s: got %v, want it not to exist", t, err)
	}
}

func (e *Env) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// fails runs cmd, which must fail with the kind and say the text on stderr with
// the exit code 1.
func (e *Env) fails(cmd zfs.Command, kind error, text string) {
	e.Helper()
	e.failsWith(1, cmd, kind, text)
}

func (e *Env) failsWith(code int, cmd zfs.Command, kind error, text string) {
	e.Helper()
	out, err := e.C.Exec(e.Ctx, cmd)
	e.ok(err)
	if out.Code != code || string(out.Stderr) != text {
		e.Fatalf("%s: got code %d and %q, want %d and %q", cmd, out.Code, out.Stderr, code, text)
	}
	if _, err := e.C.Run(e.Ctx, cmd); !errors.Is(err, kind) {
		e.Fatalf("%s: got %v, want %v", cmd, err, kind)
	}
}

func (e *Env) write(device, text string) {
	e.Helper()
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	e.ok(err)
	block := make([]byte, 4096)
	copy(block, text)
	_, err = f.WriteAt(block, 8192)
	e.ok(err)
	e.ok(f.Sync())
	e.ok(f.Close())
}

func (e *Env) holds(device, text string) {
	e.Helper()
	f, err := os.Open(device)
	e.ok(err)
	defer f.Close()
	// What was written through the page cache stays in there as long as somebody
	// has the device open, as udev may have; a rollback goes past the cache. A
	// stand-in's device is a file (ENOTTY).
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); !errors.Is(err, unix.ENOTTY) {
		e.ok(err)
	}
	block := make([]byte, 4096)
	_, err = f.ReadAt(block, 8192)
	e.ok(err)
	if got := string(block[:len(text)]); got != text {
		e.Fatalf("%s holds %q, want %q", device, got, text)
	}
}
