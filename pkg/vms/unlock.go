package vms

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

const qm = "qm" // on the daemon's PATH: /usr/sbin/qm

// qmUnlock runs qm on the host. It is the one thing that is not done through the
// API: only root may do it, and a token never is.
func qmUnlock(program string) func(context.Context, int) error {
	return func(ctx context.Context, id int) error {
		out, err := exec.CommandContext(ctx, program, "unlock", strconv.Itoa(id)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("qm unlock %d: %w: %s", id, err, strings.TrimSpace(string(out)))
		}
		return nil
	}
}
