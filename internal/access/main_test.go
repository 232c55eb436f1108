package access

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const insideEnv = "WADDLE_ACCESS_INSIDE"

// TestMain runs the tests in namespaces of their own: sshd, root's keys and
// /etc/shadow are real there, and the machine's stay as they are. The process
// namespace takes every sshd with it when the tests end.
func TestMain(m *testing.M) {
	switch {
	case os.Geteuid() != 0 || fuzzing(): // what is fuzzed touches no host
		os.Exit(m.Run())
	case os.Getenv(insideEnv) == "":
		os.Exit(reexec())
	}
	if !inside() {
		fmt.Fprintln(os.Stderr, insideEnv+" is set outside of the tests' namespaces: unset it")
		os.Exit(1)
	}
	if err := ownHost(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a host for the tests:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fuzzing reports whether the go command talks to this process over pipes, which
// another process in between would break.
func fuzzing() bool {
	return slices.ContainsFunc(os.Args, func(a string) bool {
		return strings.HasPrefix(a, "-test.fuzz=") || strings.HasPrefix(a, "-test.fuzzworker")
	})
}

func reexec() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(1, exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot run the tests in namespaces of their own:", err)
		return 1
	}
	return 0
}

// ownHost lays memory over everything that the driver and sshd write to.
func ownHost() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, dir := range []string{"/etc", "/root", "/var", "/dev"} {
		upper, work := filepath.Join("/run/over", dir, "upper"), filepath.Join("/run/over", dir, "work")
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		if err := unix.Mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+upper+",workdir="+work); err != nil {
			return fmt.Errorf("mount over %s: %w", dir, err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	return os.Chmod("/root", 0o700)
}

// inside reports whether this process is the first of its own process namespace:
// only there may a test write to /etc and /root.
func inside() bool { return os.Getenv(insideEnv) != "" && os.Getpid() == 1 }

// needHost skips a test that needs the namespaces; in CI that is a failure.
func needHost(t testing.TB) {
	t.Helper()
	switch {
	case inside():
	case os.Getenv("CI") != "" && !fuzzing():
		t.Fatal("this test writes to a host of its own in namespaces and needs root")
	default:
		t.Skip("this test writes to a host of its own in namespaces and needs root")
	}
}
