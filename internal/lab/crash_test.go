package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const dieEnv = "WADDLE_LAB_TEST_DIE_BEFORE"

// upAndDieIfAsked makes the test's binary a `waddle-lab up` that is killed with SIGKILL
// before its nth change. It prints the name of the change.
func upAndDieIfAsked() {
	name, at, _ := strings.Cut(os.Getenv(dieEnv), ":")
	n, err := strconv.Atoi(at)
	if err != nil {
		return
	}
	count := 0
	_, err = Up(context.Background(), Options{Name: name, HandTyped: true, before: func(op string) {
		if count++; count == n {
			fmt.Println(op)
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func crashLab() string { return unique("crash") }

// traces is all that a lab of that name can leave on the machine, as sorted text.
func traces(t *testing.T, name string) string {
	t.Helper()
	var lines []string
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		lines = append(lines, "link "+l.Attrs().Name)
	}
	names, err := netnsNames(name)
	if err != nil {
		t.Fatal(err)
	}
	lines = append(lines, names...)
	for _, pattern := range []string{stateDir(name), filepath.Join(stateDir(name), "*")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, files...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		// The other namespaces under /run/netns are another test's.
		if !strings.Contains(line, netnsRoot) || strings.Contains(line, netnsPrefix(name)) {
			lines = append(lines, "mount "+strings.TrimSpace(line))
		}
	}
	cmdlines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range cmdlines {
		raw, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(raw), "\x00"+name+"\x00") {
			lines = append(lines, fmt.Sprintf("process %q", raw))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestDownLeavesNothingWhereverUpWasKilled(t *testing.T) {
	needRoot(t)
	clean := traces(t, crashLab())
	points, finished := 0, false
	for !finished {
		op, err := upKilledBefore(t, points+1)
		if finished = err == nil; !finished {
			points++
			t.Logf("killed before change %d: %s", points, op)
		}
		downAndCompare(t, clean, fmt.Sprintf("killed before %q", op))
	}
	if points < 40 {
		t.Errorf("only %d points were tried: up has more changes than that", points)
	}
	t.Logf("%d points tried, all clean after down", points)
}

func upKilledBefore(t *testing.T, n int) (op string, err error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dieEnv+"="+crashLab()+":"+strconv.Itoa(n))
	out, err := cmd.Output()
	if err != nil && !strings.Contains(err.Error(), "signal: killed") {
		t.Fatalf("up %d failed instead of being killed: %v: %s", n, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func downAndCompare(t *testing.T, clean, when string) {
	t.Helper()
	if err := Down(context.Background(), crashLab()); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if left := traces(t, crashLab()); left != clean {
		t.Fatalf("%s: down left something behind\nbefore:\n%s\nafter:\n%s", when, clean, left)
	}
}

func TestDownLeavesNothingWheneverUpWasKilled(t *testing.T) {
	needRoot(t)
	clean := traces(t, crashLab())
	const tries = 25
	for i := range tries {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), dieEnv+"="+crashLab()+":0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(rand.Int64N(int64(150 * time.Millisecond)))
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		downAndCompare(t, clean, fmt.Sprintf("try %d, killed after %s", i, after))
	}
	t.Logf("%d moments tried, all clean after down", tries)
}

func TestUpBuildsALabAgainOnTheRemainsOfOneThatDied(t *testing.T) {
	l := startLab(t, Options{Name: "phoenix"})
	if err := l.service.signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !l.service.waitGone(t.Context(), time.Minute) {
		t.Fatal("the service process survived SIGKILL")
	}
	if s := StatusOf(l.Name); s.State != StateBroken || !strings.Contains(s.Reason, "has died") {
		t.Errorf("status is %s, %q; want broken, and why", s.State, s.Reason)
	}
	again, err := Up(t.Context(), Options{Name: l.Name})
	if err != nil {
		t.Fatal(err)
	}
	if again.service == l.service || !again.service.alive() {
		t.Error("the lab that was built again has no service process of its own")
	}
	if out, err := again.Host.Run(t.Context(), "cat", "/etc/hostname"); err != nil || out != "pve\n" {
		t.Errorf("the host says %q, %v", out, err)
	}
}

func TestUpTwiceUsesTheLabThatIsThere(t *testing.T) {
	l := startLab(t, Options{Name: "twice"})
	again, err := Up(t.Context(), Options{Name: l.Name})
	if err != nil {
		t.Fatal(err)
	}
	if again.service != l.service {
		t.Error("the second up built another lab")
	}
	if _, err := Up(t.Context(), Options{Name: l.Name, HandTyped: true}); err == nil || !strings.Contains(err.Error(), "take it down first") {
		t.Errorf("a lab of another kind was not refused: %v", err)
	}
}

func TestDownKillsWhatStillRunsInTheLab(t *testing.T) {
	l := startLab(t, Options{Name: "strays"})
	cmd := l.Scanner.Command(context.Background(), "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for inside := false; !inside; { // nsenter takes a moment to get there
		ps, err := residents([]string{l.Scanner.netns})
		if err != nil {
			t.Fatal(err)
		}
		inside = slices.ContainsFunc(ps, func(p process) bool { return p.PID == cmd.Process.Pid })
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the stray process ended with %v", err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Errorf("a second down failed: %v", err)
	}
}
