package vms

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what sort of failure an Error is.
type Kind string

// The kinds. Each stands for one thing that the operator can do something about.
const (
	KindInvalid     Kind = "invalid"     // the Spec, or a parameter, is wrong
	KindUnreachable Kind = "unreachable" // no connection to the API
	KindUntrusted   Kind = "untrusted"   // the API's certificate is not the one to expect
	KindToken       Kind = "token"       // the token is unknown, wrong, expired or disabled
	KindForbidden   Kind = "forbidden"   // the token lacks a privilege
	KindUnavailable Kind = "unavailable" // the API gave no usable answer
	KindTaken       Kind = "taken"       // another VM has the number, the name or the MAC
	KindLeftover    Kind = "leftover"    // disks of an earlier VM have the number, or a delete could not remove some
	KindNotOurs     Kind = "not_ours"    // the VM was not made by us, or is not the one that was
	KindGone        Kind = "gone"        // there is no such VM or snapshot
	KindExists      Kind = "exists"      // there is one already
	KindLocked      Kind = "locked"      // the VM is locked: backup, snapshot, migration
	KindBusy        Kind = "busy"        // a lock of Proxmox was not free within its ten seconds
	KindChanged     Kind = "changed"     // somebody changed the VM since it was looked at
	KindProtected   Kind = "protected"   // the VM's protection is on
	KindBridge      Kind = "bridge"      // the host has no such bridge
	KindStorage     Kind = "storage"     // there is no such storage, or it is disabled
	KindContent     Kind = "content"     // the storage does not take the kind of content
	KindFull        Kind = "full"        // no room left on the storage
	KindImage       Kind = "image"       // the image is not there, or is none
	KindState       Kind = "state"       // not while the VM runs, or not while it is off
	KindAgent       Kind = "agent"       // the guest agent does not answer
	KindConsent     Kind = "consent"     // it would make the VM anew, and nobody said that it may
	KindTask        Kind = "task"        // a task failed for another reason
	KindRefused     Kind = "refused"     // Proxmox refused for another reason
	KindRecords     Kind = "records"     // the driver's own records cannot be read or written
)

// Error is a failure of the driver.
type Error struct {
	Kind      Kind
	Detail    string   // what was tried, on what, and what came of it
	Hint      string   // what to do
	Task      string   // the UPID of the task that failed
	Log       []string // the last lines of its log
	Path      string   // of forbidden: the object, such as /vms/110
	Privilege string   // of forbidden: what is missing there
	Err       error    // the cause
}

// Error is the detail, the end of the task's log and the hint.
func (e *Error) Error() string {
	text := e.Detail
	if len(e.Log) > 0 {
		text += "; the task's log ends: " + strings.Join(e.Log, " | ")
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Is tells whether err is a failure of the kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

func fail(kind Kind, cause error, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Err: cause, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

// also adds to a failure that what was done about it failed as well.
func also(failed, second error) error {
	var e *Error
	if second == nil || !errors.As(failed, &e) {
		return errors.Join(failed, second)
	}
	out := *e
	out.Detail += "; and it could not be taken back: " + second.Error()
	return &out
}

// tried puts what was tried before what came of it. Errors that are no Error (the
// context's, the seam's) are wrapped as they are.
func tried(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	try := "cannot " + fmt.Sprintf(format, args...)
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", try, err)
	}
	if strings.HasPrefix(e.Detail, "cannot ") {
		return err
	}
	out := *e
	out.Detail = try + ": " + e.Detail
	return &out
}
