// Package iscsitest is the table of what pkg/iscsi may rely on: what configfs
// answers, and what the client makes of it. It runs against the lab's stand-in in
// every test run, and against the kernel's own configfs where one is named:
//
//	go test -c -o iscsitest.test ./pkg/iscsi/iscsitest
//	WADDLE_ISCSI_DEVICES=/dev/zvol/rpool/iscsi-test ./iscsitest.test -test.v
//
// The folder has to hold at least four block devices that nothing uses. The run
// makes and removes targets below iqn.2026-01.social.waddle:test-… on
// 127.0.0.1:3261 and their backstores, and touches nothing else in configfs.
package iscsitest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

// Backend is what a run works on.
type Backend struct {
	FS      iscsi.FS
	Root    string // where configfs is mounted
	Host    iscsi.Host
	Devices string   // folder of the devices
	Paths   []string // at least four devices in it
}

// Row is one fact, in the words of its name.
type Row struct {
	Name string
	Run  func(*Env)
}

// Env is what a row works with. Its base name is used by no other row.
type Env struct {
	*testing.T
	Backend
	C    *iscsi.Client
	Ctx  context.Context
	base iscsi.Base
}

// Portal is where the table's targets listen: an address that every host has.
const Portal = "127.0.0.1:3261"

var rows atomic.Int64

// Suite runs every row against backends from open. What a row made is removed
// after it.
func Suite(t *testing.T, open func(t *testing.T) Backend) {
	for _, r := range Rows() {
		t.Run(r.Name, func(t *testing.T) {
			e := newEnv(t, open(t))
			e.ok(e.C.Prepare(e.Ctx))
			r.Run(e)
		})
	}
}

// Rows returns the table.
func Rows() []Row {
	var all []Row
	for _, part := range [][]Row{configfsRows, backstoreRows, groupRows, ensureRows, repairRows, deleteRows} {
		all = append(all, part...)
	}
	return all
}

func newEnv(t *testing.T, b Backend) *Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e := &Env{T: t, Backend: b, Ctx: ctx}
	base, err := iscsi.ParseBase(fmt.Sprintf("iqn.2026-01.social.waddle:test-%d", rows.Add(1)))
	e.ok(err)
	e.base = base
	e.C, err = iscsi.New(iscsi.Options{Base: base, FS: b.FS, Root: b.Root, Host: b.Host, Devices: b.Devices})
	e.ok(err)
	t.Cleanup(e.clean)
	return e
}

// clean removes the row's targets and the backstores of the table's devices.
func (e *Env) clean() {
	ctx := context.Background()
	l, err := e.C.List(ctx)
	if err != nil {
		e.Error(err)
	}
	for _, t := range l.Targets {
		if err := e.C.Delete(ctx, t.IQN, true); err != nil {
			e.Error(err)
		}
	}
	left, err := e.C.Backstores(ctx)
	if err != nil {
		e.Error(err)
	}
	for _, b := range left {
		if err := e.C.RemoveBackstore(ctx, b); err != nil {
			e.Error(err)
		}
	}
}

func (e *Env) iqn(asset string) iscsi.IQN {
	e.Helper()
	i, err := e.base.Target(asset)
	e.ok(err)
	return i
}

// target is a whole target on the n-th device, open to whoever reaches it.
func (e *Env) target(asset string, n int) iscsi.Target {
	e.Helper()
	p, err := iscsi.ParsePortal(Portal)
	e.ok(err)
	return iscsi.Target{
		IQN: e.iqn(asset), Portals: []iscsi.Portal{p},
		LUNs:       []iscsi.LUN{{Backstore: iscsi.Backstore{Device: e.Paths[n]}}},
		Attributes: map[string]string{"generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"},
	}
}

func (e *Env) ensured(t iscsi.Target) []iscsi.Change {
	e.Helper()
	changes, err := e.C.Ensure(e.Ctx, t)
	e.ok(err)
	left, err := e.C.Look(e.Ctx, t)
	e.ok(err)
	if len(left) != 0 {
		e.Fatalf("after Ensure these still differ: %v", left)
	}
	return changes
}

func (e *Env) ok(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// refused checks the kernel's errno.
func (e *Env) refused(err error, want syscall.Errno) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("got %v, want %v", err, want)
	}
}

func (e *Env) at(parts ...string) string {
	return path.Join(append([]string{e.Root, "target"}, parts...)...)
}

func (e *Env) tpg(asset string, parts ...string) string {
	return e.at(append([]string{"iscsi", e.iqn(asset).String(), "tpgt_1"}, parts...)...)
}

func (e *Env) reads(file, want string) {
	e.Helper()
	got, err := e.FS.ReadFile(file)
	e.ok(err)
	if got != want {
		e.Fatalf("%s is %q, want %q", file, got, want)
	}
}

func (e *Env) gone(dir string) {
	e.Helper()
	if _, err := e.FS.ReadDir(dir); !errors.Is(err, syscall.ENOENT) {
		e.Fatalf("%s: got %v, want it gone", dir, err)
	}
}

// store makes an enabled backstore by hand, in an adapter that no name of the
// client's leads to, and returns its folder.
func (e *Env) store(name string, n int) string {
	e.Helper()
	hba := e.at("core", fmt.Sprintf("iblock_%d", 900000+n))
	if err := e.FS.Mkdir(hba); err != nil && !errors.Is(err, syscall.EEXIST) {
		e.Fatal(err)
	}
	dir := path.Join(hba, name)
	e.ok(e.FS.Mkdir(dir))
	e.ok(e.FS.WriteFile(path.Join(dir, "control"), "udev_path="+e.Paths[n]))
	e.ok(e.FS.WriteFile(path.Join(dir, "udev_path"), e.Paths[n]))
	e.ok(e.FS.WriteFile(path.Join(dir, "enable"), "1"))
	return dir
}

func (e *Env) links(dir string) []string {
	e.Helper()
	entries, err := e.FS.ReadDir(dir)
	e.ok(err)
	var names []string
	for _, x := range entries {
		if x.Link {
			names = append(names, x.Name)
		}
	}
	return names
}

func has(changes []iscsi.Change, op string) bool {
	for _, c := range changes {
		if c.Op == op {
			return true
		}
	}
	return false
}
