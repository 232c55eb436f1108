package firewall

import (
	"context"
	"errors"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/problem"
)

// refused is phase.FirewallProblem, and a problem for what the kernel or the
// disk would not do.
func refused(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	err = phase.FirewallProblem(err)
	if p := problem.From(err); p.Code != problem.Internal {
		return err
	}
	return &problem.Error{Code: problem.NotSettled, Detail: err.Error(), Err: err,
		Hint: "look with: waddle firewall show, and waddle network; the log has more: journalctl -u waddled"}
}
