package phase

import (
	"errors"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// FirewallProblem gives each error of the firewall's truth the code and hint that
// the operator sees; any other is returned as it is.
func FirewallProblem(err error) error {
	if e, ok := errors.AsType[*confirm.ConflictError](err); ok {
		p := &problem.Error{Code: problem.ChangePending, Detail: e.Error(), Err: err,
			Hint: "look with: waddle firewall show; then waddle firewall confirm, or waddle firewall rollback"}
		if e.Emergency {
			p.Hint = "look with: waddle firewall show; end it with: waddle firewall emergency --end"
		}
		p.Others = []string{e.ID}
		return p
	}
	if e, ok := errors.AsType[*confirm.NotPendingError](err); ok {
		return &problem.Error{Code: problem.NothingPending, Detail: e.Error(), Err: err, Hint: "look with: waddle firewall show; waddle firewall set begins a change"}
	}
	if e, ok := errors.AsType[*confirm.ProofError](err); ok {
		return &problem.Error{Code: problem.ProofNeeded, Detail: e.Error(), Err: err, Hint: proofHint, Others: []string{e.ID}}
	}
	if e, ok := errors.AsType[*confirm.InvalidError](err); ok {
		return &problem.Error{Code: problem.InvalidRequest, Detail: e.Error(), Err: err, Hint: "correct the request: the message says what is allowed"}
	}
	if e, ok := errors.AsType[*confirm.DamagedError](err); ok {
		return &problem.Error{Code: problem.RulesDamaged, Detail: e.Error(), Err: err, Hint: "docs/recovery.md says how to put it right; what is loaded stays meanwhile"}
	}
	if errors.Is(err, confirm.ErrLocked) {
		return &problem.Error{Code: problem.Unavailable, Detail: err.Error(), Err: err, Hint: "try again; when it lasts, end the process that holds the lock"}
	}
	return err
}

const proofHint = "open a new connection: waddle firewall confirm makes one each time; from the host itself only the out-of-band console counts, with --i-am-on-the-console"
