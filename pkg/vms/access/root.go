package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Root carries out calls of the API as root@pam. A verb is pvesh's: get, create, set or delete. No parameter
// is a secret: they may stand on an argument list. out may be nil.
type Root interface {
	Call(ctx context.Context, verb, path string, params [][2]string, out any) error
}

// Pvesh is Root through Proxmox's own command.
type Pvesh struct {
	Program string // default pvesh, from PATH
}

// Call runs pvesh. What it prints may hold a secret and is in no error; what it complains of is.
func (p Pvesh) Call(ctx context.Context, verb, path string, params [][2]string, out any) error {
	program := p.Program
	if program == "" {
		program = "pvesh"
	}
	args := []string{verb, path}
	for _, kv := range params {
		args = append(args, "--"+kv[0], kv[1])
	}
	cmd := exec.CommandContext(ctx, program, append(args, "--output-format", "json")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("cannot run %s: it is not there; is this a Proxmox VE node?", program)
	case err != nil:
		return fmt.Errorf("%s %s %s: %w: %s", program, verb, path, err, complaint(stderr.String()))
	case out == nil || strings.TrimSpace(stdout.String()) == "":
		return nil
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		return fmt.Errorf("%s %s %s: its answer is no JSON of the expected form", program, verb, path)
	}
	return nil
}

// complaint is without the usage that follows a wrong parameter.
func complaint(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "pvesh ") {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "it says nothing more"
	}
	return strings.Join(lines, " ")
}
