package problem

import (
	"errors"
	"fmt"
)

// Code is a stable, machine-readable name of a kind of failure. Scripts branch
// on it, so a code that was released is never renamed. Each maps to exactly one
// HTTP status (see Status).
type Code string

// The codes. Keep the list in docs/api.md in step: a test compares the two.
const (
	InvalidRequest     Code = "invalid_request"      // the request does not satisfy the contract
	InvalidPlatform    Code = "invalid_platform"     // the platform document is wrong; Fields lists every error
	Unauthenticated    Code = "unauthenticated"      // no token, or one that is not valid
	Forbidden          Code = "forbidden"            // the token's scopes do not cover the call
	NotFound           Code = "not_found"            // no such object
	MethodNotAllowed   Code = "method_not_allowed"   // the path exists, the method does not
	Conflict           Code = "conflict"             // the world says something else and is not ours to change
	OperationRunning   Code = "operation_running"    // another operation holds the area
	AdoptionNeeded     Code = "adoption_needed"      // what is there says the same, but the operator has to agree
	WouldCutConnection Code = "would_cut_connection" // the change would cut the caller's own connection
	NoPlatform         Code = "no_platform"          // there is no platform document yet
	GateNotOpen        Code = "gate_not_open"        // the gate cannot be acknowledged now
	NeedsNotDone       Code = "needs_not_done"       // a step that this one needs is not done
	NotUndoable        Code = "not_undoable"         // nothing to undo, or a step that cannot be undone
	InUse              Code = "in_use"               // somebody or something still uses the volume or snapshot
	NoSpace            Code = "no_space"             // the pool or the quota has no room for it
	ChangePending      Code = "change_pending"       // a firewall change or an emergency is in force
	NothingPending     Code = "nothing_pending"      // no such firewall change waits for a confirmation
	ProofNeeded        Code = "proof_needed"         // the connection does not show that the new rules let the caller in
	PreconditionFailed Code = "precondition_failed"  // If-Match names another revision
	PreconditionNeeded Code = "precondition_needed"  // the call needs an If-Match
	IdempotencyReused  Code = "idempotency_reused"   // the key was used for another request
	TooLarge           Code = "too_large"            // the body is over the limit
	UnsupportedMedia   Code = "unsupported_media"    // the body has a content type that the call does not take
	TooManyAttempts    Code = "too_many_attempts"    // too many failed authentications from this address
	HostUnsuitable     Code = "host_unsuitable"      // a kernel feature, a program or a right is missing
	Interrupted        Code = "interrupted"          // the operation died with the daemon and a person has to look
	NotSettled         Code = "not_settled"          // it was changed and does not stay as it was left
	StateUnusable      Code = "state_unusable"       // the state file is damaged or newer than this program
	RulesDamaged       Code = "rules_damaged"        // what is saved of the firewall cannot be read; what is loaded stays
	Unavailable        Code = "unavailable"          // not now: starting or stopping
	Internal           Code = "internal"             // a defect; the log has the cause
)

// Status returns the HTTP status that stands for c, 500 for an unknown code.
func (c Code) Status() int {
	switch c {
	case InvalidRequest:
		return 400
	case Unauthenticated:
		return 401
	case Forbidden:
		return 403
	case NotFound, NoPlatform:
		return 404
	case MethodNotAllowed:
		return 405
	case Conflict, OperationRunning, AdoptionNeeded, WouldCutConnection, GateNotOpen, NeedsNotDone, NotUndoable, InUse, NoSpace, Interrupted,
		ChangePending, NothingPending, ProofNeeded:
		return 409
	case PreconditionFailed:
		return 412
	case TooLarge:
		return 413
	case UnsupportedMedia:
		return 415
	case InvalidPlatform, IdempotencyReused, HostUnsuitable:
		return 422
	case PreconditionNeeded:
		return 428
	case TooManyAttempts:
		return 429
	case Unavailable:
		return 503
	}
	return 500
}

// Error is a failure as the operator sees it.
type Error struct {
	Code   Code
	Detail string   // what was tried, on what, and what came of it
	Hint   string   // what to do, as an imperative sentence; empty when nothing helps
	Fields []Field  // every single fault, when there are several
	Others []string // names of objects that stand in the way (an operation's id, a link's name)
	Err    error    // the cause, for errors.Is and errors.As; may be nil
}

// Field is one fault at one place of a document or request.
type Field struct {
	Path    string `json:"path"`              // dotted path, e.g. network.internal.cidr
	File    string `json:"file,omitempty"`    // the document's name
	Line    int    `json:"line,omitempty"`    // 1-based; 0 when unknown
	Column  int    `json:"column,omitempty"`  // 1-based; 0 when unknown
	Message string `json:"message"`           // what is wrong
	Allowed string `json:"allowed,omitempty"` // what would be right
	Source  string `json:"source,omitempty"`  // the source line
}

// New returns a problem without a cause.
func New(code Code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

// Wrap returns a problem that is caused by err.
func Wrap(code Code, err error, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...) + ": " + err.Error(), Err: err}
}

func (e *Error) Error() string { return e.Detail }

func (e *Error) Unwrap() error { return e.Err }

// From returns the problem in err's chain, or an Internal one that carries err.
func From(err error) *Error {
	var p *Error
	if errors.As(err, &p) {
		return p
	}
	return &Error{Code: Internal, Detail: err.Error(), Err: err, Hint: "look at the daemon's log: journalctl -u waddled"}
}

// Is reports whether err carries a problem with the code c.
func Is(err error, c Code) bool {
	var p *Error
	return errors.As(err, &p) && p.Code == c
}
