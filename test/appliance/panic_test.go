package appliance

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestAPanicInTheMiddleIsNamedAndNotHidden(t *testing.T) {
	vm := ForTest(t, Options{})
	run(t, vm, "echo kept >/root/mark; sync")
	_, err := vm.Run(t.Context(), "echo c >/proc/sysrq-trigger")
	var p *PanicError
	if !errors.As(err, &p) {
		t.Fatalf("the guest panicked and the command's error is %v", err)
	}
	if tail := vm.consoleTail(100); !strings.Contains(tail, "Kernel panic - not syncing: sysrq triggered crash") {
		t.Errorf("the console does not hold the kernel's words:\n%s", tail)
	}
}

func TestAGuestThatPanicsAtItsStartIsStartedOnceMoreAndThatIsSaid(t *testing.T) {
	if os.Getenv(Enabled) == "" {
		t.Skip("needs the appliance VM: run make e2e")
	}
	whole, err := buildImage(t.Context(), Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	scratch, err := os.MkdirTemp("", "panic-") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	t.Setenv("TMPDIR", scratch)
	// Without its initramfs the kernel does not find its root and panics.
	broken := image(t.TempDir())
	for _, name := range []string{"disk.img", "vmlinuz", "client_key", "host_key.pub"} {
		if err := os.Symlink(whole.file(name), broken.file(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(broken.file("initrd.img"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	vm, err := startTwice(context.Background(), broken, Options{Boot: true, Log: &log}.withDefaults())
	if err == nil {
		_ = vm.Close()
		t.Fatal("a guest without a root file system has started")
	}
	var p *PanicError
	if !errors.As(err, &p) {
		t.Fatalf("the error is %v, want the panic", err)
	}
	if got := strings.Count(log.String(), "starting it once more"); got != 1 {
		t.Errorf("it was started again %d times, want once:\n%s", got, log.String())
	}
	if _, err := os.Stat(p.Console); err != nil {
		t.Errorf("the console is not kept: %v", err)
	}
}
