package confirm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// The rollback matrix: what happens to the daemon while a change is pending.
// Each trial ends with the former rules, and the operator, whom the change has
// locked out, is in again at the latest 2 s after the deadline, the time apart in
// which the machine itself stood still. WADDLE_TORTURE=1 runs a thousand trials.
func TestRollbackMatrix(t *testing.T) {
	t.Parallel()
	goFirst()
	trials, workers := 76, 6
	if os.Getenv("WADDLE_TORTURE") != "" {
		trials, workers = 1007, 8
	}
	if testing.Short() {
		trials = len(faults)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := &results{count: map[string]int{}}
	c := newControl(t)
	jobs := make(chan int)
	var group sync.WaitGroup
	for range workers {
		l := newLab(t)
		l.serve()
		b := newBench(l)
		b.control = c
		group.Go(func() {
			for n := range jobs {
				b.trial(faults[n%len(faults)], rand.New(rand.NewPCG(seed, uint64(n))), r)
			}
		})
	}
	for n := range trials {
		jobs <- n
	}
	close(jobs)
	group.Wait()
	r.print()
	if r.locked+r.slow < trials/3 {
		t.Errorf("only in %d of %d trials the change locked the operator out, in %d the machine was too busy: that proves little", r.locked, trials, r.slow)
	}
	if r.trials != trials {
		t.Errorf("%d of %d trials came to an end", r.trials, trials)
	}
}

// fault is one column of the matrix.
type fault struct {
	name   string
	args   []string // for the daemon
	small  bool     // on a small disk
	do     func(*trial)
	leaves netfw.Profile // "" means initial
}

var faults = []fault{
	{name: "nobody confirms", do: func(tr *trial) { tr.set() }},
	{name: "SIGKILL", do: func(tr *trial) { tr.set(); tr.later(); tr.kill(syscall.SIGKILL) }},
	{name: "SIGKILL while it sets", do: func(tr *trial) { tr.ask(); tr.soon(); tr.kill(syscall.SIGKILL) }},
	{name: "SIGSTOP", do: func(tr *trial) { tr.set(); tr.later(); tr.freeze() }},
	{name: "frozen with the lock, before it loads", args: []string{"--stop-at", "load", "--signal", "19"}, do: func(tr *trial) { tr.ask(); tr.frozen = true }},
	{name: "frozen with the lock, after it has loaded", args: []string{"--stop-at", "write:state.json", "--nth", "2", "--signal", "19"}, do: func(tr *trial) { tr.ask(); tr.frozen = true }},
	{name: "stop", do: func(tr *trial) { tr.set(); tr.later(); tr.kill(syscall.SIGTERM) }},
	{name: "restart", do: func(tr *trial) { tr.set(); tr.later(); tr.kill(syscall.SIGTERM); tr.start() }},
	{name: "killed, and started again at once", do: func(tr *trial) { tr.ask(); tr.soon(); tr.kill(syscall.SIGKILL); tr.start() }},
	{name: "crash between arm and apply", args: []string{"--stop-at", "load"}, do: func(tr *trial) { tr.ask() }},
	{name: "crash between apply and the record of it", args: []string{"--stop-at", "write:state.json", "--nth", "2"}, do: func(tr *trial) { tr.ask() }},
	{name: "the disk gets full", small: true, do: func(tr *trial) { tr.set(); tr.fill() }},
	{name: "the disk is full before", small: true, do: func(tr *trial) { tr.fill(); tr.refused("no space left") }},
	{name: "the disk gets read-only", small: true, do: func(tr *trial) { tr.set(); tr.readOnly() }},
	{name: "the disk is read-only before", small: true, do: func(tr *trial) { tr.readOnly(); tr.refused("read-only file system") }},
	{name: "two at once", do: func(tr *trial) { tr.two() }},
	{name: "the clock jumps", args: []string{"--jump"}, do: func(tr *trial) { tr.set() }},
	{name: "confirmed over an old connection", do: func(tr *trial) { old := Boottime(); tr.set(); tr.later(); tr.confirm(old, "error cannot confirm") }},
	{name: "confirmed over a new one", do: func(tr *trial) { tr.set(); tr.confirm(Boottime(), "confirmed") }, leaves: netfw.Lockdown},
}

// bench is where one trial after the other runs.
type bench struct {
	*lab
	*control
	template string // a directory in which initial is confirmed
	scratch  string
}

func newBench(l *lab) *bench {
	l.t.Helper()
	w := newWorld(l.t)
	w.confirmed(netfw.Initial)
	l.loaded(netfw.Initial)
	return &bench{lab: l, template: w.dir, scratch: memory(l.t)}
}

type trial struct {
	*bench
	fault
	random   *rand.Rand
	dir, run string
	within   time.Duration
	asked    time.Duration
	due      time.Duration // the deadline that the daemon has told; 0: none
	daemons  []*daemon
	frozen   bool
	slow     bool // the daemon did not get its change loaded in time
	id       string
}

type daemon struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func (b *bench) trial(f fault, random *rand.Rand, r *results) {
	t := b.t
	tr := &trial{bench: b, fault: f, random: random, within: 2*time.Second + time.Duration(random.IntN(1000))*time.Millisecond}
	dir, err := os.MkdirTemp(b.scratch, "trial")
	if err != nil {
		t.Error(err)
		return
	}
	tr.dir, tr.run = filepath.Join(dir, "etc"), filepath.Join(dir, "run")
	defer tr.disk()()
	tr.start()
	defer func() { tr.killAll() }()
	p := b.probe()
	f.do(tr)
	deadline := tr.deadline()
	sleepUntil(deadline + 50*time.Millisecond)
	tr.awaitRules(p, deadline)
	tr.thaw()
	tr.awaitGuards()
	tries := p.end(t)
	leaves, late := f.leaves, time.Duration(0)
	if leaves == "" || tr.slow {
		leaves, late = netfw.Initial, lateness(tries, deadline)
		r.add(f.name, late, stood(tries), tr.slow)
	} else {
		r.add(f.name, 0, stood(tries), false)
	}
	if !b.loaded(leaves) {
		t.Errorf("%s: it did not end with the rules of %s; state: %s; guard: %s", f.name, leaves, tr.file(tr.dir, stateFile), tr.file(tr.run, "guard.log"))
	}
	from := deadline
	if tr.due == 0 {
		from = tr.asked // the deadline may be later than tr.deadline could know
	}
	if still := b.stoodStill(from, deadline+late); late > 2*time.Second+still {
		t.Errorf("%s: reachable again %s after the deadline, of which the machine stood still for %s; guard: %s", f.name, late, still, tr.file(tr.run, "guard.log"))
	}
	b.loaded(netfw.Initial)
}

// disk makes the trial's directories and returns what takes them away.
func (tr *trial) disk() func() {
	undo := func() {}
	for _, d := range []string{tr.dir, tr.run} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			tr.t.Error(err)
		}
	}
	if tr.small {
		if err := unix.Mount("tmpfs", tr.dir, "tmpfs", 0, "size=256k"); err != nil {
			tr.t.Error(err)
		}
		undo = func() { _ = unix.Unmount(tr.dir, unix.MNT_DETACH) }
	}
	if err := os.CopyFS(tr.dir, os.DirFS(tr.template)); err != nil {
		tr.t.Error(err)
	}
	return undo
}

// start starts a daemon in the host's namespace.
func (tr *trial) start() *daemon {
	d := &daemon{cmd: exec.Command(selfProgram, slices.Concat([]string{"daemon", "--dir", tr.dir, "--run-dir", tr.run}, tr.args)...), lines: make(chan string, 8)}
	in, errIn := d.cmd.StdinPipe()
	out, errOut := d.cmd.StdoutPipe()
	err := tr.host.do(d.cmd.Start)
	if err := errors.Join(errIn, errOut, err); err != nil {
		tr.t.Error(err)
		close(d.lines)
		return d
	}
	d.in = in
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	tr.daemons = append(tr.daemons, d)
	tr.expect(d, "up")
	return d
}

// expect waits for a line that begins with prefix.
func (tr *trial) expect(d *daemon, prefix string) string {
	select {
	case line := <-d.lines:
		if !strings.HasPrefix(line, prefix) {
			tr.t.Errorf("%s: the daemon says %q, want %q", tr.name, line, prefix)
		}
		return line
	case <-time.After(time.Minute):
		tr.t.Errorf("%s: the daemon says nothing, want %q", tr.name, prefix)
		return ""
	}
}

func (tr *trial) say(d *daemon, format string, args ...any) {
	if _, err := fmt.Fprintf(d.in, format+"\n", args...); err != nil {
		tr.t.Errorf("%s: %v", tr.name, err)
	}
}

func (tr *trial) last() *daemon { return tr.daemons[len(tr.daemons)-1] }

// ask sends the request and does not wait.
func (tr *trial) ask() {
	tr.asked = Boottime()
	tr.say(tr.last(), "set lockdown %d", tr.within)
}

// set waits until the change is loaded. On a busy machine the time to confirm
// can be over before: then it is rolled back already, which the trial checks.
func (tr *trial) set() {
	tr.ask()
	line := tr.expect(tr.last(), "")
	id, due, ok := wasSet(line)
	switch {
	case ok:
		tr.id, tr.due = id, due
	case strings.HasPrefix(line, tooSlow):
		tr.slow = true
	default:
		tr.t.Errorf("%s: the daemon says %q", tr.name, line)
	}
}

// wasSet reads "set ID DEADLINE".
func wasSet(line string) (id string, due time.Duration, ok bool) {
	n, err := fmt.Sscanf(line, "set %s %d", &id, &due)
	return id, due, err == nil && n == 2
}

const tooSlow = "error the time to confirm was over before"

func (tr *trial) refused(why string) {
	tr.ask()
	if line := tr.expect(tr.last(), "error cannot change the firewall, nothing was loaded"); !strings.Contains(line, why) {
		tr.t.Errorf("%s: refused with %q", tr.name, line)
	}
}

func (tr *trial) confirm(opened time.Duration, want string) {
	if tr.slow {
		return
	}
	tr.say(tr.last(), "confirm %s %d", tr.id, opened)
	line := tr.expect(tr.last(), "")
	tr.slow = strings.HasPrefix(line, "error no firewall change "+tr.id+" is pending")
	if !tr.slow && !strings.HasPrefix(line, want) {
		tr.t.Errorf("%s: the daemon says %q, want %q", tr.name, line, want)
	}
}

// two daemons set at the same time: one of them is told of the other.
func (tr *trial) two() {
	a, b := tr.last(), tr.start()
	tr.asked = Boottime()
	tr.say(a, "set lockdown %d", tr.within)
	tr.say(b, "set lockdown %d", tr.within)
	lines := []string{tr.expect(a, ""), tr.expect(b, "")}
	slices.Sort(lines) // error, set
	id, due, ok := wasSet(lines[1])
	tr.due = due
	_, first, both := wasSet(lines[0])
	if first > due {
		first, due = due, first
	}
	switch {
	case strings.HasPrefix(lines[1], tooSlow) || strings.HasPrefix(lines[0], tooSlow),
		both && due-tr.within >= first: // the one began when the other was over
		tr.slow, tr.due = true, due // the machine is too busy for the two to meet
	case !ok || !strings.HasPrefix(lines[0], "error cannot change the firewall: the change to lockdown "+id):
		tr.t.Errorf("two at once: %q", lines)
	}
}

// later is some time before the deadline, soon while it sets.
func (tr *trial) later() { time.Sleep(time.Duration(tr.random.Int64N(int64(tr.within) * 6 / 10))) }
func (tr *trial) soon()  { time.Sleep(time.Duration(tr.random.Int64N(int64(250 * time.Millisecond)))) }

func (tr *trial) kill(s syscall.Signal) {
	_ = tr.last().cmd.Process.Signal(s)
	_ = tr.last().cmd.Wait()
}

func (tr *trial) freeze() {
	_ = tr.last().cmd.Process.Signal(syscall.SIGSTOP)
	tr.frozen = true
}

// thaw has a frozen daemon go on, for better or worse.
func (tr *trial) thaw() {
	if tr.frozen {
		_ = tr.last().cmd.Process.Signal(syscall.SIGCONT)
		time.Sleep(100 * time.Millisecond)
	}
}

func (tr *trial) killAll() {
	for _, d := range tr.daemons {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		for range d.lines {
		}
	}
}

// fill leaves no block on the small disk.
func (tr *trial) fill() {
	f, err := os.Create(filepath.Join(tr.dir, "filler"))
	if err != nil {
		tr.t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, unix.ENOSPC) {
				tr.t.Error(err)
			}
			return
		}
	}
}

func (tr *trial) readOnly() {
	if err := unix.Mount("", tr.dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		tr.t.Error(err)
	}
}

func (tr *trial) file(dir, name string) string {
	b, _ := os.ReadFile(filepath.Join(dir, name))
	return string(b)
}

// deadline is the pending change's, or the latest that it can have.
func (tr *trial) deadline() time.Duration {
	if tr.due != 0 {
		return tr.due
	}
	if b, err := os.ReadFile(filepath.Join(tr.dir, stateFile)); err == nil {
		if s, err := decodeState(b); err == nil && s.Pending != nil {
			return s.Pending.Deadline.at()
		}
	}
	return tr.asked + tr.within
}

func sleepUntil(at time.Duration) { time.Sleep(at - Boottime()) }

// awaitRules waits until the operator is in again, or must have been.
func (tr *trial) awaitRules(p *prober, deadline time.Duration) {
	if tr.leaves != "" {
		sleepUntil(deadline + 500*time.Millisecond)
		return
	}
	for Boottime() < deadline+time.Minute && p.in.Load() < int64(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
}

// awaitGuards waits until the guards of the trial have ended.
func (tr *trial) awaitGuards() {
	for end := Boottime() + time.Minute; Boottime() < end; time.Sleep(100 * time.Millisecond) {
		if !guardsOf(tr.dir) {
			return
		}
		tr.thaw() // a daemon that is slow may freeze only now
	}
	tr.t.Errorf("%s: a guard is still there a minute after the deadline: %s", tr.name, tr.file(tr.run, "guard.log"))
}
