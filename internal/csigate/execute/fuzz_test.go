package execute

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

const (
	testRoot = "rpool/k8s-csi"
	testBase = "iqn.2026-01.social.waddle"
)

var testDriver = csigatetest.Driver{
	V: testRoot + "/v", S: testRoot + "/s", Base: testBase, Portal: "10.10.0.1:3260", Instance: "waddle-social",
	Group: []string{"authentication=0", "generate_node_acls=1", "cache_dynamic_acls=1", "demo_mode_write_protect=0"},
	Block: []string{"emulate_tpu=1"},
}

// watcher is a zfs that runs nothing and a configfs in memory. Both fail the
// test when something outside the root dataset or the base name is reached.
type watcher struct {
	iscsi.FS
	fail  func(format string, args ...any)
	mu    sync.Mutex // a copy runs two processes at once
	argvs [][]string
	paths int
	dev   string
}

// operand is what may be named in zfs's arguments, by rules that share nothing
// with the packages under test.
var operand = regexp.MustCompile(`^rpool/k8s-csi(/[A-Za-z0-9][A-Za-z0-9_.:-]*){0,3}(@([A-Za-z0-9][A-Za-z0-9_.:-]*|%))?$`)

// verbs are what may be run of zfs, and takesValue its options with a value.
var (
	verbs = map[string]bool{"get": true, "list": true, "create": true, "set": true, "snapshot": true, "clone": true, "destroy": true, "send": true, "receive": true}

	takesValue = map[string]bool{"-o": true, "-t": true, "-V": true}
)

// Run implements zfs.Runner.
func (w *watcher) Run(_ context.Context, p zfs.Process) (zfs.Output, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.argvs = append(w.argvs, p.Args)
	verb := p.Args[0]
	if !verbs[verb] {
		w.fail("zfs %q was run", p.Args)
	}
	var operands []string
	for i := 1; i < len(p.Args); i++ {
		a := p.Args[i]
		switch {
		case takesValue[a]:
			i++
			w.option(verb, a, p.Args[i])
		case regexp.MustCompile(`^-(H?p|r|f|d)$`).MatchString(a):
		case strings.HasPrefix(a, "-"):
			w.fail("zfs %q has the option %q", p.Args, a)
		default:
			operands = append(operands, a)
		}
	}
	switch verb {
	case "get":
		operands = operands[1:] // the properties to read
	case "set":
		for len(operands) > 1 {
			w.option(verb, "-o", operands[0])
			operands = operands[1:]
		}
	}
	if len(operands) == 0 {
		w.fail("zfs %q names nothing", p.Args)
		return zfs.Output{Code: 1}, nil
	}
	for _, o := range operands {
		if !operand.MatchString(o) {
			w.fail("zfs %q names %q", p.Args, o)
		}
	}
	if verb == "destroy" {
		w.destroys(p.Args, operands)
	}
	return zfs.Output{Stdout: []byte(w.answer(p.Args, operands))}, nil
}

// option refuses properties that reach beyond a dataset.
func (w *watcher) option(verb, flag, value string) {
	if flag != "-o" || verb == "get" || verb == "list" {
		return
	}
	name, _, _ := strings.Cut(value, "=")
	switch name {
	case "volsize", "volblocksize", "refreservation", "dedup", "compression":
	default:
		if !strings.HasPrefix(name, "democratic-csi:") {
			w.fail("property %q was set", value)
		}
	}
}

// destroys refuses what takes more than one volume or detached snapshot.
func (w *watcher) destroys(argv, operands []string) {
	name := operands[0]
	depth := strings.Count(name, "/")
	recursive := strings.Contains(strings.Join(argv, " "), " -r ")
	if depth < 3 || (recursive && strings.HasPrefix(name, testRoot+"/s/") && depth < 4 && !strings.Contains(name, "@")) {
		w.fail("zfs %q destroys a tree", argv)
	}
}

// answer prints what lets every command go on.
func (w *watcher) answer(argv, operands []string) string {
	if argv[0] != "get" || !strings.Contains(strings.Join(argv, " "), "name,property,value,source") {
		return ""
	}
	var b strings.Builder
	for _, o := range operands {
		kind := "volume"
		if strings.Contains(o, "@") {
			kind = "snapshot"
		} else if o == testRoot {
			kind = "filesystem"
		}
		for _, p := range []string{"type\t" + kind, "volsize\t16777216", "referenced\t16384", "used\t16384", "available\t1099511627776"} {
			fmt.Fprintf(&b, "%s\t%s\t-\n", o, p)
		}
	}
	return b.String()
}

// own is what may be touched in configfs.
var own = regexp.MustCompile(`^/sys/kernel/config/target/(iscsi(/iqn\.2026-01\.social\.waddle:[a-z0-9.:-]+(/.*)?)?|core/iblock_[0-9]+(/.*)?)$`)

func (w *watcher) path(p string) {
	w.paths++
	if !own.MatchString(p) || filepath.Clean(p) != p {
		w.fail("configfs %q was touched", p)
	}
}

func (w *watcher) Mkdir(p string) error  { w.path(p); return w.FS.Mkdir(p) }
func (w *watcher) Rmdir(p string) error  { w.path(p); return w.FS.Rmdir(p) }
func (w *watcher) Remove(p string) error { w.path(p); return w.FS.Remove(p) }
func (w *watcher) Symlink(to, p string) error {
	w.path(p)
	w.path(to)
	return w.FS.Symlink(to, p)
}

func (w *watcher) WriteFile(p, text string) error {
	w.path(p)
	if strings.HasSuffix(p, "/control") && !strings.HasPrefix(text, "udev_path="+w.dev+"/zvol/"+testRoot+"/v/") {
		w.fail("backstore of %q", text)
	}
	return w.FS.WriteFile(p, text)
}

// watched returns an executor on a watcher.
func watched(t testing.TB, dev string) (*Executor, *watcher) {
	t.Helper()
	tree, err := lio.Open(lio.Options{Device: func(p string) (string, error) { return p, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Mkdir("/sys/kernel/config/target/iscsi"); err != nil {
		t.Fatal(err)
	}
	w := &watcher{FS: tree, dev: dev, fail: t.Errorf}
	root, err := zfs.ParseRoot(testRoot)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zfs.New(zfs.Options{Root: root, Runner: w, Dev: dev, DeviceWait: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	base, err := iscsi.ParseBase(testBase)
	if err != nil {
		t.Fatal(err)
	}
	i, err := iscsi.New(iscsi.Options{Base: base, FS: w, Devices: dev + "/zvol/" + testRoot})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{ZFS: z, ISCSI: i, Policy: testPolicy(t)})
	if err != nil {
		t.Fatal(err)
	}
	return e, w
}

func testPolicy(t testing.TB) Policy {
	t.Helper()
	portal, err := iscsi.ParsePortal(testDriver.Portal)
	if err != nil {
		t.Fatal(err)
	}
	return Policy{Portal: portal, InstanceID: testDriver.Instance,
		Group:      map[string]string{"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"},
		Block:      map[string]string{"emulate_tpu": "1"},
		Properties: map[string][]string{"volblocksize": {"16K"}, "refreservation": {"0"}, "compression": {"lz4"}, "dedup": {"off", "verify"}}}
}

// devices makes a folder in which a few volumes have a device.
func devices(t testing.TB) string {
	t.Helper()
	dev := t.TempDir()
	dir := filepath.Join(dev, "zvol", testRoot, "v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "A", "pvc-1", "pvc-3", "PVC-9", "x.y"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dev
}

// hostile are strings that a root shell would have run.
func hostile() []string {
	d := testDriver
	return []string{
		"/sbin/zfs destroy -r -f -p " + d.V + "/a b; reboot #",
		"/sbin/zfs destroy -r -f -p " + d.V + "/../../rpool/data",
		"/sbin/zfs destroy -r -f -p rpool",
		"/sbin/zfs destroy -r -f -p " + d.V,
		"/sbin/zfs destroy -r -f -p " + d.V + "/a@%",
		"/sbin/zfs destroy -R -f -p " + d.V + "/a",
		"/sbin/zfs set mountpoint=\"/etc\" " + d.V + "/a",
		"/sbin/zfs set democratic-csi:provision_success=\"$(reboot)\" " + d.V + "/a",
		"/sbin/zfs create -p -o democratic-csi:csi_volume_name=\"a\" -V 16384 " + d.V + "/a/b",
		"/bin/sh -c 'zfs send " + d.V + "/a@b | zfs receive rpool/ROOT'",
		"/bin/sh -c 'zfs send " + d.V + "/a@b | tee /etc/passwd | zfs receive " + d.V + "/c'",
		strings.Replace(d.CreateTarget("a"), "/dev/zvol/"+d.V+"/a", "/dev/sda", 1),
		strings.Replace(d.CreateTarget("a"), "/dev/zvol/"+d.V+"/a", "/dev/zvol/rpool/data/vm-100-disk-0", 1),
		strings.Replace(d.CreateTarget("a"), "cd /iscsi\n", "cd /iscsi\ndelete iqn.2003-01.org.other:x\n", 1),
		"sh", "sh -c id", "bash -i", "scp -f /etc/shadow", "internal-sftp", "echo $0; id", "uname -s\n", "",
	}
}

// FuzzCommand executes whatever the grammar lets through, and checks what
// reached zfs and configfs.
func FuzzCommand(f *testing.F) {
	for _, row := range testDriver.Transcript() {
		f.Add(row.Command)
	}
	for _, s := range hostile() {
		f.Add(s)
	}
	dev := devices(f)
	f.Fuzz(func(t *testing.T, s string) {
		e, w := watched(t, dev)
		c, err := grammar.Parse(e.Layout(), s)
		if err != nil {
			if !grammar.IsRefusal(err) {
				t.Fatalf("not a refusal: %v", err)
			}
			harmless(t, err.Error())
			return
		}
		if c.Render(e.Layout()) != s {
			t.Fatalf("%q was taken for %q", s, c.Render(e.Layout()))
		}
		a := e.Run(context.Background(), c)
		if a.Err != nil && grammar.IsRefusal(a.Err) {
			harmless(t, a.Err.Error())
			for _, argv := range w.argvs {
				if argv[0] != "get" && argv[0] != "list" {
					t.Fatalf("refused after zfs %q was run", argv)
				}
			}
		}
	})
}

// harmless fails when the driver would act on a text of ours.
func harmless(t testing.TB, text string) {
	t.Helper()
	for _, phrase := range []string{"dataset does not exist", "does not exist", "dataset already exists", "could not find any snapshots to destroy", "snapshot has dependent clones",
		"filesystem has dependent clones", "filesystem has children", "dataset is busy", "target is busy", "Ran out of input"} {
		if strings.Contains(text, phrase) {
			t.Fatalf("the driver would act on %q in %q", phrase, text)
		}
	}
	if strings.Contains(text, "destination") && strings.Contains(text, "exists") {
		t.Fatalf("the driver would act on %q", text)
	}
	if strings.ContainsAny(text, "\n\r\x00") || len(text) > 1500 {
		t.Fatalf("not one short line: %q", text)
	}
}

func TestWhatAShellWouldHaveRunIsRefused(t *testing.T) {
	dev := devices(t)
	for _, s := range hostile() {
		e, w := watched(t, dev)
		c, err := grammar.Parse(e.Layout(), s)
		if err == nil {
			err = e.Run(context.Background(), c).Err
		}
		if !grammar.IsRefusal(err) || len(w.argvs) > 0 || w.paths > 0 {
			t.Errorf("%q: %v, zfs %q", s, err, w.argvs)
			continue
		}
		harmless(t, err.Error())
	}
}
