package lab

import (
	"context"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPreflightSaysWhatIsMissing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this test needs root, whose rights it takes away from a thread")
	}
	for _, tc := range []struct {
		name string
		lose func() error // on a thread that ends with the test
		says string
	}{
		{"root", func() error {
			// The system call, for the library's would change all threads.
			_, _, e := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534)
			if e != 0 {
				return e
			}
			return nil
		}, "a lab needs root"},
		{"CAP_SYS_ADMIN, as in a container", func() error { return dropCapability(unix.CAP_SYS_ADMIN) }, "a lab needs CAP_SYS_ADMIN"},
		{"CAP_NET_ADMIN", func() error { return dropCapability(unix.CAP_NET_ADMIN) }, "a lab needs CAP_NET_ADMIN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var up, down error
			err := onThread(func() error {
				if err := tc.lose(); err != nil {
					return err
				}
				_, up = Up(context.Background(), Options{Name: "never"})
				down = Down(context.Background(), "never")
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if up == nil || !strings.Contains(up.Error(), tc.says) || strings.Contains(up.Error(), "\n") {
				t.Errorf("up says %v, want one line with %q", up, tc.says)
			}
			if down == nil || !strings.Contains(down.Error(), tc.says) {
				t.Errorf("down says %v, want %q", down, tc.says)
			}
		})
	}
}

func dropCapability(bit uint) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << bit
	return unix.Capset(&head, &data[0])
}

func TestPreflightNamesThePackageOfEachProgramThatIsMissing(t *testing.T) {
	needRoot(t)
	t.Setenv("PATH", t.TempDir())
	err := Preflight(Options{HandTyped: true})
	if err == nil {
		t.Fatal("nothing is missing")
	}
	for _, line := range []string{
		"the program nsenter is missing: apt-get install util-linux",
		"the program iptables-restore is missing: apt-get install iptables",
		"the program sysctl is missing: apt-get install procps",
	} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("%q is not in:\n%v", line, err)
		}
	}
}

func TestALabsNameIsChecked(t *testing.T) {
	for _, name := range []string{"a-b", "1lab", "Lab", "../x", strings.Repeat("a", 21), "a b"} {
		if _, err := Up(t.Context(), Options{Name: name}); err == nil || !strings.Contains(err.Error(), "as a lab's name") {
			t.Errorf("up with the name %q: %v", name, err)
		}
		if err := Down(t.Context(), name); err == nil {
			t.Errorf("down with the name %q was accepted", name)
		}
		if _, err := Open(name); err == nil {
			t.Errorf("a lab of the name %q was opened", name)
		}
	}
}
