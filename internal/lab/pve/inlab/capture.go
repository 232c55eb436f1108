package inlab

import (
	"bytes"
	"errors"
	"os/exec"
)

// capture runs a command and tells its exit code from not having been run at all.
func capture(cmd *exec.Cmd, stdin []byte) (out, errOut []byte, code int, err error) {
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &o, &e
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return o.Bytes(), e.Bytes(), exit.ExitCode(), nil
	}
	return o.Bytes(), e.Bytes(), 0, err
}
