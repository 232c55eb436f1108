package machines

import (
	"errors"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

// codes are the problem codes of the driver's failures. What is not here is a
// defect or nothing that the operator can settle.
var codes = map[vms.Kind]problem.Code{
	vms.KindInvalid:     problem.InvalidRequest,
	vms.KindUnreachable: problem.Unavailable,
	vms.KindUntrusted:   problem.Unavailable,
	vms.KindUnavailable: problem.Unavailable,
	vms.KindToken:       problem.NeedsNotDone,
	vms.KindForbidden:   problem.NeedsNotDone,
	vms.KindTaken:       problem.Conflict,
	vms.KindLeftover:    problem.Conflict,
	vms.KindNotOurs:     problem.Conflict,
	vms.KindGone:        problem.NotFound,
	vms.KindExists:      problem.Conflict,
	vms.KindLocked:      problem.Conflict,
	vms.KindBusy:        problem.Conflict,
	vms.KindChanged:     problem.Conflict,
	vms.KindProtected:   problem.Conflict,
	vms.KindState:       problem.Conflict,
	vms.KindConsent:     problem.Conflict,
	vms.KindBridge:      problem.NeedsNotDone,
	vms.KindStorage:     problem.HostUnsuitable,
	vms.KindContent:     problem.HostUnsuitable,
	vms.KindFull:        problem.HostUnsuitable,
	vms.KindImage:       problem.HostUnsuitable,
}

// refused gives the driver's failures the code and hint that the operator sees.
func refused(err error) error {
	failed, ok := errors.AsType[*vms.Error](err)
	if !ok {
		return err
	}
	code, known := codes[failed.Kind]
	if !known {
		code = problem.NotSettled
	}
	text := *failed
	text.Hint = ""
	return &problem.Error{Code: code, Detail: text.Error(), Hint: failed.Hint, Err: err}
}
