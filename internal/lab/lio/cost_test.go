package lio_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// sharedFuse is a fuse for operations that run at the same time.
type sharedFuse struct{ left atomic.Int64 }

func (f *sharedFuse) seam(string) error {
	if f.left.Add(-1) < 0 {
		return errKilled
	}
	return nil
}

// counted counts every call of the file system, reads included, and how many
// entries the folder listings had.
type counted struct {
	iscsi.FS
	calls, entries atomic.Int64
}

func (c *counted) Mkdir(p string) error           { c.calls.Add(1); return c.FS.Mkdir(p) }
func (c *counted) Rmdir(p string) error           { c.calls.Add(1); return c.FS.Rmdir(p) }
func (c *counted) Symlink(a, b string) error      { c.calls.Add(1); return c.FS.Symlink(a, b) }
func (c *counted) Remove(p string) error          { c.calls.Add(1); return c.FS.Remove(p) }
func (c *counted) WriteFile(p, text string) error { c.calls.Add(1); return c.FS.WriteFile(p, text) }
func (c *counted) ReadFile(p string) (string, error) {
	c.calls.Add(1)
	return c.FS.ReadFile(p)
}
func (c *counted) Readlink(p string) (string, error) {
	c.calls.Add(1)
	return c.FS.Readlink(p)
}
func (c *counted) ReadDir(p string) ([]iscsi.Entry, error) {
	c.calls.Add(1)
	e, err := c.FS.ReadDir(p)
	c.entries.Add(int64(len(e)))
	return e, err
}

func (c *counted) of(do func()) (calls, entries int64) {
	c.calls.Store(0)
	c.entries.Store(0)
	do()
	return c.calls.Load(), c.entries.Load()
}

// The cost of one target does not depend on how many there are.
func TestCallsOfACreateAtTenAndAtAThousandTargets(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 1003, lio.Options{})
	fs := &counted{FS: l.Tree}
	c := l.client(t, func(o *iscsi.Options) { o.FS = fs })
	type cost struct{ create, again, remove, entries int64 }
	at := map[int]cost{}
	for i := 0; i <= 1000; i++ {
		if i == 10 || i == 1000 {
			probe := l.target(t, c, "probe", 1001)
			must := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
			}
			var k cost
			var e1, e2, e3 int64
			k.create, e1 = fs.of(func() { _, err := c.Ensure(ctx, probe); must(err) })
			k.again, e2 = fs.of(func() { _, err := c.Ensure(ctx, probe); must(err) })
			k.remove, e3 = fs.of(func() { must(c.Delete(ctx, probe.IQN, false)) })
			k.entries = e1 + e2 + e3
			at[i] = k
		}
		if i < 1000 {
			if _, err := c.Ensure(ctx, l.target(t, c, fmt.Sprintf("x%d", i), i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("calls with 10 targets %+v, with 1000 %+v", at[10], at[1000])
	if at[10] != at[1000] {
		t.Fatal("the cost grows with the number of targets")
	}
	if at[10].create > 40 {
		t.Fatalf("a create takes %d calls", at[10].create)
	}
}

func benchmark(b *testing.B, existing int) {
	ctx := context.Background()
	l := newLab(b, existing+1, lio.Options{})
	fs := &counted{FS: l.Tree}
	c := l.client(b, func(o *iscsi.Options) { o.FS = fs })
	for i := range existing {
		if _, err := c.Ensure(ctx, l.target(b, c, fmt.Sprintf("x%d", i), i)); err != nil {
			b.Fatal(err)
		}
	}
	probe := l.target(b, c, "probe", existing)
	fs.calls.Store(0)
	for b.Loop() {
		if _, err := c.Ensure(ctx, probe); err != nil {
			b.Fatal(err)
		}
		if err := c.Delete(ctx, probe.IQN, false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(fs.calls.Load())/float64(b.N), "calls/op")
}

func BenchmarkCreateAndDeleteAt10(b *testing.B)   { benchmark(b, 10) }
func BenchmarkCreateAndDeleteAt1000(b *testing.B) { benchmark(b, 1000) }

func BenchmarkRestore500(b *testing.B)  { benchmarkRestore(b, 500) }
func BenchmarkRestore1000(b *testing.B) { benchmarkRestore(b, 1000) }

func benchmarkRestore(b *testing.B, n int) {
	ctx := context.Background()
	for b.Loop() {
		b.StopTimer()
		l := newLab(b, n, lio.Options{})
		c := l.client(b)
		targets := make([]iscsi.Target, n)
		for i := range targets {
			targets[i] = l.target(b, c, fmt.Sprintf("x%d", i), i)
		}
		b.StartTimer()
		done, err := c.Restore(ctx, targets, nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, d := range done {
			if d.Err != nil {
				b.Fatal(d.Err)
			}
		}
	}
}
