package vms

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

const childOrder = "WADDLE_VMS_TEST_ORDER" // the path of an order

func TestMain(m *testing.M) {
	if path := os.Getenv(childOrder); path != "" {
		if err := obey(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// A history takes a while; -rapid.checks asks for more of them.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// order is what a child process does: make three VMs, and die.
type order struct {
	URL, CAFile, Records string
	Token                string
	Die                  int           // before the operation with this number, from 1; 0 lives
	After                time.Duration // so long after it has been begun instead
}

var trio = []Spec{spec(110), spec(111), spec(112)}

func obey(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	var ops atomic.Int64
	d, err := New(Options{
		Node: "pve", Records: &fileRecords{path: o.Records}, Poll: 8 * time.Millisecond, Retry: time.Millisecond,
		API: rest.New(rest.Options{URL: o.URL, ServerName: "pve", CAFile: o.CAFile, Every: 8 * time.Millisecond, Token: func() (string, error) { return o.Token, nil }}),
		Seam: func(string) error {
			if int(ops.Add(1)) == o.Die {
				if o.After > 0 {
					time.AfterFunc(o.After, die)
					return nil
				}
				die()
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	_, err = d.EnsureAll(ctx, trio, Consent{})
	return err
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it is on its way
}

// fileRecords keeps records in a file, which is replaced at each change.
type fileRecords struct {
	path string
	mu   sync.Mutex
}

func (f *fileRecords) change(do func(map[string]Record)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]Record{}
	raw, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			return err
		}
	}
	do(all)
	if raw, err = json.Marshal(all); err != nil {
		return err
	}
	if err := os.WriteFile(f.path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(f.path+".new", f.path)
}

func (f *fileRecords) Get(name string) (r Record, there bool, err error) {
	err = f.change(func(all map[string]Record) { r, there = all[name] })
	return r, there, err
}

func (f *fileRecords) Put(r Record) error {
	return f.change(func(all map[string]Record) { all[r.Name] = r })
}

func (f *fileRecords) Delete(name string) error {
	return f.change(func(all map[string]Record) { delete(all, name) })
}

// TestAProcessThatMakesThreeVMsIsKilledAtEachStepAndTheNextOneFinishes sends SIGKILL to
// a process of its own, before and shortly after each operation.
func TestAProcessThatMakesThreeVMsIsKilledAtEachStepAndTheNextOneFinishes(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{Timing: pve.Scaled(0.01)})
	records := &fileRecords{path: filepath.Join(t.TempDir(), "records.json")}
	d := n.driver(func(o *Options) { o.Records = records })
	kills := 0
	for number := 1; ; number++ {
		lived := false
		for _, after := range []time.Duration{0, time.Duration(number%5+1) * 4 * time.Millisecond} {
			o := order{URL: n.Server.URL(), CAFile: n.CAFile(), Records: records.path, Token: n.token, Die: number, After: after}
			if n.child(o) == nil {
				lived = true
			} else {
				kills++
			}
			o.Die = 0
			if err := n.child(o); err != nil {
				t.Errorf("after SIGKILL at operation %d+%v: %v", number, after, err)
			}
			for _, s := range trio {
				n.noTwins(fmt.Sprintf("SIGKILL at operation %d+%v", number, after), s)
				if f, err := d.Look(t.Context(), s); err != nil || len(f.Differences) > 0 || !f.Running {
					t.Errorf("after SIGKILL at operation %d+%v: %+v, %v", number, after, f, err)
				}
				if err := d.Delete(t.Context(), s.Name, 0); err != nil {
					t.Fatal(err)
				}
			}
			if left := n.left(); left != "" {
				t.Fatalf("after SIGKILL at operation %d+%v: left behind: %s", number, after, left)
			}
		}
		if lived || t.Failed() {
			break
		}
	}
	if kills < 20 {
		t.Errorf("%d processes were killed, and three VMs take more operations than that", kills)
	}
	fmt.Printf("vms kills: %d processes killed while they made three VMs side by side, each finished by the next one: no twins, nothing left\n", kills)
}

func (n *node) child(o order) error {
	n.t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		n.t.Fatal(err)
	}
	path := filepath.Join(n.t.TempDir(), "order.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.CommandContext(n.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childOrder+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
