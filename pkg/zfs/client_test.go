package zfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted answers processes from a function and records their argv.
type scripted struct {
	mu     sync.Mutex
	argv   [][]string
	answer func(args []string) Output
}

func (s *scripted) Run(_ context.Context, p Process) (Output, error) {
	s.mu.Lock()
	s.argv = append(s.argv, p.Args)
	s.mu.Unlock()
	if s.answer == nil {
		return Output{}, nil
	}
	return s.answer(p.Args), nil
}

func testClient(t testing.TB, o Options) *Client {
	t.Helper()
	o.Root = testRoot(t)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func volume(t testing.TB, name string) Volume {
	t.Helper()
	v, err := testRoot(t).Volume(rootName + "/v/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestZeroValuesAreNeverRun(t *testing.T) {
	run := &scripted{}
	c := testClient(t, Options{Runner: run})
	for name, cmd := range map[string]Command{
		"command":            {},
		"destroy of nothing": Destroy(Name{}, DestroyOptions{Recursive: true}),
		"snapshot":           TakeSnapshot(Snapshot{}),
		"volume":             CreateVolume(CreateVolumeSpec{Size: 1 << 20}),
		"property":           Set(volume(t, "a"), Property{}),
		"no property":        Set(volume(t, "a")),
		"get of nothing":     Get(Query{}),
		"get of a zero":      Get(Query{Targets: []Target{volume(t, "a"), Name{}}, Properties: []string{"used"}}),
		"clone of nothing":   Clone(Snapshot{}, volume(t, "a")),
		"bad field":          Get(Query{Targets: []Target{volume(t, "a")}}, "name;reboot"),
		"bad property":       Get(Query{Targets: []Target{volume(t, "a")}, Properties: []string{"-r"}}),
	} {
		if _, err := c.Exec(context.Background(), cmd); err == nil {
			t.Errorf("%s was run", name)
		}
	}
	if len(run.argv) != 0 {
		t.Errorf("processes were started: %q", run.argv)
	}
}

func TestNamesOfAnotherRootAreRefused(t *testing.T) {
	run := &scripted{}
	c := testClient(t, Options{Runner: run})
	other, err := ParseRoot("rpool/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []Command{
		Destroy(other.Dataset(), DestroyOptions{}),
		CreateFilesystem(other.Dataset(), true),
		Get(Query{Targets: []Target{other.Dataset()}, Properties: []string{"used"}}, "value"),
	} {
		if _, err := c.Exec(context.Background(), cmd); err == nil || !strings.Contains(err.Error(), "rpool/data") {
			t.Errorf("%s: %v", cmd, err)
		}
	}
	if len(run.argv) != 0 {
		t.Errorf("processes were started: %q", run.argv)
	}
}

func TestArgv(t *testing.T) {
	v, w := volume(t, "a"), volume(t, "b")
	s, _ := v.Snapshot("s")
	p := func(name, value string) Property {
		p, err := NewProperty(name, value)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for want, cmd := range map[string]Command{
		"create -p -s -o refreservation=0 -o volblocksize=16K -V 1048576 rpool/k8s-csi/v/a": CreateVolume(CreateVolumeSpec{
			Volume: v, Size: 1 << 20, Parents: true, Sparse: true, Properties: []Property{p("refreservation", "0"), p("volblocksize", "16K")}}),
		"set volsize=2097152 dedup=on rpool/k8s-csi/v/a":                       Set(v, p("volsize", "2097152"), p("dedup", "on")),
		"snapshot -o democratic-csi:managed_resource=true rpool/k8s-csi/v/a@s": TakeSnapshot(s, p("democratic-csi:managed_resource", "true")),
		"clone -o compression=lz4 rpool/k8s-csi/v/a@s rpool/k8s-csi/v/b":       Clone(s, w, p("compression", "lz4")),
		"destroy -r -f -d rpool/k8s-csi/v/a@s":                                 Destroy(s, DestroyOptions{Recursive: true, Force: true, Defer: true}),
		"destroy -f rpool/k8s-csi/v/a@%":                                       DestroySnapshots(v),
		"get -Hp -o name,value volsize,avail rpool/k8s-csi/v/a":                Get(Query{Targets: []Target{v}, Properties: []string{"volsize", "avail"}}, "name", "value"),
		"list -r -Hp -t snapshot,volume -o name,used rpool/k8s-csi/v/a":        List(Query{Targets: []Target{v}, Properties: []string{"name", "used"}, Types: []string{Snapshots, Volumes}, Recursive: true}),
		"get -d 1 -Hp -o value used rpool/k8s-csi/v/a":                         Get(Query{Targets: []Target{v}, Properties: []string{"used"}, Recursive: true, Depth: 1}, "value"),
		"rename rpool/k8s-csi/v/a rpool/k8s-csi/v/b":                           Rename(v.Name, w.Name),
		"rollback -r rpool/k8s-csi/v/a@s":                                      Rollback(s, true),
	} {
		if got := strings.Join(cmd.Args(), " "); got != want || cmd.err != nil {
			t.Errorf("got  %s (%v)\nwant %s", got, cmd.err, want)
		}
	}
}

func TestThePropertyListIsClosed(t *testing.T) {
	for name, pair := range map[string][2]string{
		"a mount elsewhere":      {"mountpoint", "/etc"},
		"a share":                {"sharenfs", "on"},
		"a key's place":          {"keylocation", "file:///etc/shadow"},
		"programs":               {"exec", "on"},
		"a newline in a value":   {"democratic-csi:x", "a\nb"},
		"a tab in a value":       {"democratic-csi:x", "a\tb"},
		"a value not in UTF-8":   {"democratic-csi:x", "\xff"},
		"a value of 8192 bytes":  {"democratic-csi:x", strings.Repeat("a", 8192)},
		"an upper case user one": {"Democratic-CSI:x", "a"},
		"an equals sign":         {"a:b=c", "d"},
		"an option":              {"-o", "x"},
		"empty":                  {"", ""},
	} {
		if p, err := NewProperty(pair[0], pair[1]); err == nil {
			t.Errorf("%s: %v was taken", name, p)
		}
	}
}

func TestErrorsKeepZfssTextAndSayTheirKind(t *testing.T) {
	for text, kind := range map[string]error{
		"cannot open 'x': dataset does not exist":                                                       ErrNotExist,
		"cannot create 'x': dataset already exists":                                                     ErrExist,
		"cannot destroy 'x': dataset is busy":                                                           ErrBusy,
		"cannot destroy 'x': volume has dependent clones\nuse '-R' to destroy the":                      ErrDependents,
		"cannot destroy 'x': filesystem has children\nuse '-r' to destroy the following":                ErrChildren,
		"cannot create 'x': out of space":                                                               ErrNoSpace,
		"cannot receive new filesystem stream: destination 'x' exists\nmust specify -F to overwrite it": ErrExist,
		"The ZFS modules cannot be auto-loaded.\nThe zfs module is not loaded":                          ErrNoModule,
		"cannot set property for 'x': permission denied":                                                ErrPermission,
		"internal error: something nobody has seen":                                                     nil,
	} {
		run := &scripted{answer: func([]string) Output { return Output{Stderr: []byte(text + "\n"), Code: 1} }}
		c := testClient(t, Options{Runner: run})
		_, err := c.Run(context.Background(), Destroy(volume(t, "a"), DestroyOptions{}))
		var e *Error
		if !errors.As(err, &e) || e.Text != text || e.Kind != kind || !strings.HasPrefix(err.Error(), "cannot destroy rpool/k8s-csi/v/a: "+text) {
			t.Errorf("%q: got %v, kind %v", text, err, e.Kind)
		}
	}
}

func TestWhatIsNamedOddlyIsReportedAndNotTouched(t *testing.T) {
	run := &scripted{answer: func([]string) Output {
		return Output{Stdout: []byte("rpool/k8s-csi/my vol\ttype\tvolume\t-\nrpool/k8s-csi/my vol\tused\t5\t-\nrpool/k8s-csi/v\ttype\tfilesystem\t-\nrpool/k8s-csi/v\tcompressratio\t1.47x\t-\n")}
	}}
	c := testClient(t, Options{Runner: run})
	l, err := c.List(context.Background(), c.Root().Dataset(), nil)
	if err != nil || !slices.Equal(l.Skipped, []string{"rpool/k8s-csi/my vol"}) || len(l.Items) != 1 || l.Items[0].CompressionRatio != 1.47 {
		t.Fatalf("%+v, %v", l, err)
	}
	if len(run.argv) != 1 {
		t.Fatalf("%d processes for one list", len(run.argv))
	}
}

func TestASeamThatFailsKeepsTheProcessFromStarting(t *testing.T) {
	run := &scripted{}
	boom := errors.New("boom")
	var ops []string
	c := testClient(t, Options{Runner: run, Seam: func(op string) error { ops = append(ops, op); return boom }})
	if _, err := c.Run(context.Background(), Destroy(volume(t, "a"), DestroyOptions{})); !errors.Is(err, boom) || len(run.argv) != 0 || !slices.Equal(ops, []string{"zfs destroy"}) {
		t.Fatalf("%v, %q, %q", err, run.argv, ops)
	}
}

func TestChangesToOneDatasetWaitAndOthersDoNot(t *testing.T) {
	enter, leave := make(chan string), make(chan bool)
	run := &scripted{answer: func(args []string) Output { enter <- args[len(args)-1]; <-leave; return Output{} }}
	c := testClient(t, Options{Runner: run})
	var wg sync.WaitGroup
	start := func(cmd Command) {
		wg.Go(func() {
			if _, err := c.Run(context.Background(), cmd); err != nil {
				t.Error(err)
			}
		})
	}
	a, b := volume(t, "a"), volume(t, "b")
	start(Destroy(a, DestroyOptions{}))
	first := <-enter
	start(Destroy(b, DestroyOptions{})) // another dataset: runs now
	if second := <-enter; first == second {
		t.Fatalf("%s ran twice", first)
	}
	start(Destroy(a, DestroyOptions{}))          // the same: waits
	start(Destroy(a.Parent(), DestroyOptions{})) // above it: waits
	select {
	case got := <-enter:
		t.Fatalf("%s ran although its dataset is being changed", got)
	case <-time.After(30 * time.Millisecond):
	}
	leave <- true
	leave <- true
	<-enter
	leave <- true
	<-enter
	leave <- true
	wg.Wait()
	if n := len(c.locks.held); n != 0 {
		t.Fatalf("%d locks are left", n)
	}
}

func TestAWaitingChangeGivesUpWithItsContext(t *testing.T) {
	enter, leave := make(chan bool), make(chan bool)
	run := &scripted{answer: func([]string) Output { enter <- true; <-leave; return Output{} }}
	c := testClient(t, Options{Runner: run})
	done := make(chan error)
	go func() { _, err := c.Run(context.Background(), Destroy(volume(t, "a"), DestroyOptions{})); done <- err }()
	<-enter
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Run(ctx, Destroy(volume(t, "a"), DestroyOptions{})); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	leave <- true
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestTheDeviceIsWaitedFor(t *testing.T) {
	dev := t.TempDir()
	target := filepath.Join(t.TempDir(), "zd0")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := testClient(t, Options{Dev: dev, Runner: &scripted{}})
	v := volume(t, "a")
	go func() { // as udev: folders first, then a link that is renamed into place
		time.Sleep(10 * time.Millisecond)
		_ = os.MkdirAll(filepath.Dir(c.Device(v)), 0o755)
		time.Sleep(10 * time.Millisecond)
		_ = os.Symlink(target, c.Device(v)+".tmp")
		_ = os.Rename(c.Device(v)+".tmp", c.Device(v))
	}()
	got, err := c.WaitDevice(context.Background(), v)
	if err != nil || got != c.Device(v) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestADeviceThatNeverAppearsIsAnErrorThatNamesIt(t *testing.T) {
	c := testClient(t, Options{Dev: t.TempDir(), DeviceWait: 20 * time.Millisecond, Runner: &scripted{}})
	_, err := c.WaitDevice(context.Background(), volume(t, "a"))
	if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), "/zvol/rpool/k8s-csi/v/a within 20ms") {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.WaitDevice(ctx, volume(t, "a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := c.WaitDevice(context.Background(), Volume{}); err == nil {
		t.Fatal("waited for a volume without a name")
	}
}

func TestTheRealRunnerPassesArgvWithoutAShellAndTheExitCode(t *testing.T) {
	script := filepath.Join(t.TempDir(), "zfs")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s|' \"$@\"; echo \"$LC_ALL\" >&2; exit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := Exec{Path: script}.Run(context.Background(), Process{Args: []string{"a b", "$(reboot)", "c"}})
	if err != nil || string(out.Stdout) != "a b|$(reboot)|c|" || string(out.Stderr) != "C\n" || out.Code != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := (Exec{Path: filepath.Join(t.TempDir(), "none")}).Run(context.Background(), Process{}); err == nil {
		t.Fatal("a program that is not there ran")
	}
}

func TestTheRealRunnerStopsWithItsContext(t *testing.T) {
	script := filepath.Join(t.TempDir(), "zfs")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 3600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := (Exec{Path: script}).Run(ctx, Process{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Minute {
		t.Fatalf("%v after %s", err, time.Since(start))
	}
}

// program writes a stand-in for the zfs program.
func program(t *testing.T, text string) Exec {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zfs")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return Exec{Path: path}
}

func TestACopyIsTwoProcessesThatWeJoin(t *testing.T) {
	got := filepath.Join(t.TempDir(), "got")
	run := program(t, `if [ "$1" = send ]; then head -c 3000000 /dev/zero; else cat > '`+got+`'; fi`)
	c := testClient(t, Options{Runner: run})
	s, _ := volume(t, "a").Snapshot("s")
	out, err := c.Copy(context.Background(), s, volume(t, "b").Name)
	if err != nil || len(out.Send.Stdout) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	if info, err := os.Stat(got); err != nil || info.Size() != 3000000 {
		t.Fatalf("%v, %v", info, err)
	}
}

func TestACopyEndsWhenEitherSideFails(t *testing.T) {
	s, _ := volume(t, "a").Snapshot("s")
	for name, script := range map[string]string{
		"receive gives up at once while send has much to say": `if [ "$1" = send ]; then exec cat /dev/zero; else echo "destination 'x' exists
must specify -F to overwrite it" >&2; exit 1; fi`,
		"send fails at once": `if [ "$1" = send ]; then echo "cannot open 'x': dataset does not exist" >&2; exit 1; else cat > /dev/null; echo "cannot receive: failed to read from stream" >&2; exit 1; fi`,
	} {
		c := testClient(t, Options{Runner: program(t, script)})
		_, err := c.Copy(context.Background(), s, volume(t, "b").Name)
		if !errors.Is(err, ErrExist) && !errors.Is(err, ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACopyStopsWithItsContext(t *testing.T) {
	s, _ := volume(t, "a").Snapshot("s")
	c := testClient(t, Options{Runner: program(t, `if [ "$1" = send ]; then exec cat /dev/zero; else exec cat > /dev/null; fi`)})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Copy(ctx, s, volume(t, "b").Name); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestAShrinkIsRefusedHoweverItIsWritten(t *testing.T) {
	run := &scripted{answer: func(args []string) Output {
		if args[0] == "get" {
			return Output{Stdout: []byte("2147483648\n")}
		}
		return Output{}
	}}
	c := testClient(t, Options{Runner: run})
	set := func(values ...string) error {
		var all []Property
		for _, v := range values {
			p, err := NewProperty("volsize", v)
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		_, err := c.Exec(context.Background(), Set(volume(t, "a"), all...))
		return err
	}
	for _, v := range []string{"1G", "1073741824", "2097151K"} {
		if err := set(v); !errors.Is(err, ErrShrink) {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, v := range []string{"0", "-1", "1.5G", "", "lots"} {
		if err := set(v); err == nil || (v != "" && !errors.Is(err, ErrInvalid)) {
			t.Errorf("%s: %v", v, err)
		}
	}
	if err := set("1G", "3G"); err == nil {
		t.Error("two sizes at once were taken")
	}
	for _, v := range []string{"2G", "3G", "2147483648"} {
		if err := set(v); err != nil {
			t.Errorf("%s: %v", v, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]uint64{"0": 0, "512": 512, "16K": 16 << 10, "1G": 1 << 30, "8191P": 8191 << 50} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "K", "-1", "1.5G", "1e3", "9999P", "1 G", "0x10", "18446744073709551616"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q became %d", s, got)
		}
	}
}
