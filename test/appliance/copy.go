package appliance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
)

// Copy puts a file or a folder of this machine into the guest, with its modes.
// The guest's path names the file or folder itself, not where to put it.
func (vm *VM) Copy(ctx context.Context, from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("cannot copy into the guest: %w", err)
	}
	if info.IsDir() {
		return vm.copyFolder(ctx, from, to)
	}
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("cannot copy into the guest: %w", err)
	}
	defer f.Close()
	line := fmt.Sprintf("mkdir -p %s && cat >%s && chmod %o %[2]s", quote(path.Dir(to)), quote(to), info.Mode().Perm())
	if err := vm.Exec(ctx, Command{Line: line, Stdin: f}); err != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, err)
	}
	return nil
}

func (vm *VM) copyFolder(ctx context.Context, from, to string) error {
	pack := exec.CommandContext(ctx, "tar", "-C", from, "-c", ".")
	var said bytes.Buffer
	pack.Stderr = &said
	archive, err := pack.StdoutPipe()
	if err != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, err)
	}
	if err := pack.Start(); err != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, err)
	}
	line := fmt.Sprintf("mkdir -p %s && tar -C %[1]s --no-same-owner -x", quote(to))
	unpacked := vm.Exec(ctx, Command{Line: line, Stdin: archive})
	if err := pack.Wait(); err != nil && unpacked == nil {
		return fmt.Errorf("cannot copy %s into the guest: tar: %w: %s", from, err, said.String())
	}
	if unpacked != nil {
		return fmt.Errorf("cannot copy %s into the guest: %w", from, unpacked)
	}
	return nil
}

// Write puts data into a file of the guest that only root may read.
func (vm *VM) Write(ctx context.Context, to string, data []byte) error {
	line := fmt.Sprintf("umask 077; mkdir -p %s && cat >%s", quote(path.Dir(to)), quote(to))
	if err := vm.Exec(ctx, Command{Line: line, Stdin: bytes.NewReader(data)}); err != nil {
		return fmt.Errorf("cannot write %s in the guest: %w", to, err)
	}
	return nil
}

// quote makes one word of s for the guest's shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
