package appliance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// image is a folder that build.sh has made.
type image string

func (i image) file(name string) string { return filepath.Join(string(i), name) }

// buildImage returns the image of the recipe beside this package, built if it
// is not in the cache yet.
func buildImage(ctx context.Context, o Options) (image, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "test/appliance/build.sh"))
	cmd.Stderr = o.Log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot build the appliance image with test/appliance/build.sh: %w (its messages are above)", err)
	}
	return image(strings.TrimSpace(string(out))), nil
}

// moduleRoot is the checkout's folder, wherever in it the test runs.
func moduleRoot(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOMOD")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the checkout: go env GOMOD: %w: %s", err, stderr.String())
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("cannot find the checkout: the test does not run inside it")
	}
	return filepath.Dir(mod), nil
}
