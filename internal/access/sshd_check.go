package access

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	checkDir   = "/run/waddle/sshd-check"
	privsepDir = "/run/sshd" // sshd(8): it answers neither -t nor -T without
)

// try lets sshd read a copy of its configuration in which dropIn is our file
// (nil: it is not there), and returns what it would then do for a stranger. The
// real files are not touched.
func (d *Driver) try(ctx context.Context, dropIn []byte) (map[string]string, error) {
	r, err := d.readSSHD(dropIn)
	if err != nil {
		return nil, err
	}
	if err := d.mkdir(privsepDir, 0o755); err != nil {
		return nil, err
	}
	if err := d.op("copy:" + checkDir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(d.at(checkDir))
	if err := r.copyTo(d.at(checkDir)); err != nil {
		return nil, fmt.Errorf("cannot copy sshd's configuration to %s: %w", checkDir, err)
	}
	main := d.at(checkDir + sshdConfig)
	if _, err := d.run(ctx, sshdProgram, "-t", "-f", main); err != nil {
		return nil, plainPaths(err, d.at(checkDir))
	}
	values, err := d.effective(ctx, "-f", main)
	if err != nil {
		return nil, plainPaths(err, d.at(checkDir))
	}
	return values, nil
}

// copyTo writes every file below dir, Include lines leading to the copies. The
// lines keep their numbers.
func (r *sshdReader) copyTo(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, f := range r.files {
		lines := strings.Split(string(f.content), "\n")
		for number, included := range f.includes {
			lines[number-1] = includeLine(dir, included)
		}
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func includeLine(dir string, paths []string) string {
	if len(paths) == 0 {
		return "# an Include of nothing"
	}
	copies := slices.Clone(paths)
	for i, p := range copies {
		copies[i] = `"` + filepath.Join(dir, p) + `"`
	}
	return "Include " + strings.Join(copies, " ")
}

// trialError is what sshd said about the copies, naming the real files.
type trialError struct {
	text string
	err  error
}

func (e *trialError) Error() string {
	return "sshd refuses its configuration: " + e.text + "; nothing was changed"
}

func (e *trialError) Unwrap() error { return e.err }

func plainPaths(err error, dir string) error {
	return &trialError{strings.ReplaceAll(err.Error(), dir, ""), err}
}
