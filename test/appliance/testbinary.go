package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// InGuest is set for test binaries that run in the appliance: the kernel and
// the pool are theirs alone, so they may use LIO and ZFS for real.
const InGuest = "WADDLE_APPLIANCE"

// TestBinary is the tests of one package of this module.
type TestBinary struct {
	Package string   // "./pkg/iscsi"
	Args    []string // of a test binary: "-test.run=TestX", "-test.v"
	Env     []string // "NAME=value", beside CI and InGuest
}

// RunTestBinary compiles a package's tests, runs them in the guest as root,
// beside the package's testdata, and returns what they wrote; Options.Log gets it
// as they write it. CI=true is set, so that what cannot run there fails.
func (vm *VM) RunTestBinary(ctx context.Context, b TestBinary) (string, error) {
	pkg := b.Package
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(vm.machine.dir, path.Base(pkg)+".test")
	compile := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-o", binary, pkg)
	compile.Dir = root
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot compile the tests of %s: %w\n%s", pkg, err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("cannot run the tests of %s: it has none", pkg)
	}
	folder := "/var/tmp/" + path.Base(pkg)
	if err := vm.Copy(ctx, binary, folder+"/run.test"); err != nil {
		return "", err
	}
	err = vm.Copy(ctx, filepath.Join(root, pkg, "testdata"), folder+"/testdata")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	line := fmt.Sprintf("cd %s && env CI=true %s=1", quote(folder), InGuest)
	for _, arg := range append(append(b.Env, "./run.test"), b.Args...) {
		line += " " + quote(arg)
	}
	var out bytes.Buffer
	err = vm.Exec(ctx, Command{Line: line + " 2>&1", Stdout: io.MultiWriter(&out, vm.options.Log)})
	if err != nil {
		return out.String(), fmt.Errorf("the tests of %s in the guest: %w", pkg, err)
	}
	return out.String(), nil
}
