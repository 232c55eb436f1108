package zfs

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of failure. errors.Is tells them apart; Error keeps zfs's own text.
var (
	ErrNotExist   = errors.New("dataset does not exist")
	ErrExist      = errors.New("dataset already exists")
	ErrBusy       = errors.New("dataset is busy")
	ErrDependents = errors.New("dataset has dependent clones")
	ErrChildren   = errors.New("dataset has children")
	ErrNoSpace    = errors.New("out of space")
	ErrShrink     = errors.New("volume would shrink")
	ErrInvalid    = errors.New("value not allowed")
	ErrPermission = errors.New("permission denied")
	ErrNewer      = errors.New("more recent snapshots exist")
	ErrNoModule   = errors.New("zfs kernel module not loaded")
	ErrNoDevice   = errors.New("device did not appear")
)

// Error is a zfs command that failed.
type Error struct {
	Op     string // what was tried: "create volume", "destroy snapshot"
	Object string // on which dataset or snapshot
	Kind   error  // one of the kinds above; nil when zfs said something else
	Text   string // zfs's own text, whole
	Code   int    // zfs's exit code
}

func (e *Error) Error() string {
	text := e.Text
	if text == "" {
		text = fmt.Sprintf("zfs ended with code %d and said nothing", e.Code)
	}
	msg := fmt.Sprintf("cannot %s %s: %s", e.Op, e.Object, text)
	if hint := hints[e.Kind]; hint != "" {
		msg += " (" + hint + ")"
	}
	return msg
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

var hints = map[error]string{
	ErrBusy:       "something has it open: an iSCSI backstore, a mount or a hold; remove that first",
	ErrDependents: "destroy or promote the clones first",
	ErrChildren:   "destroy what is below it first",
	ErrNoSpace:    "free space in the pool or raise the quota of the root dataset",
	ErrPermission: "run as root",
	ErrNewer:      "destroy the newer snapshots first, or ask for that",
	ErrNoModule:   "load it: modprobe zfs",
}

// texts maps what libzfs prints (libzfs_util.c, zfs_main.c) to a kind. The order
// matters: a text may carry more than one of the phrases.
var texts = []struct {
	phrase string
	kind   error
}{
	{"module is not loaded", ErrNoModule},
	{"has dependent clones", ErrDependents},
	{"has children", ErrChildren},
	{"dataset already exists", ErrExist},
	{"must specify -F to overwrite it", ErrExist},
	{"more recent snapshots", ErrNewer},
	{"dataset is busy", ErrBusy},
	{"target is busy", ErrBusy},
	{"out of space", ErrNoSpace},
	{"size is greater than available space", ErrNoSpace},
	{"quota exceeded", ErrNoSpace},
	{"dataset does not exist", ErrNotExist},
	{"no such pool", ErrNotExist},
	{"parent does not exist", ErrNotExist},
	{"could not find any snapshots to destroy", ErrNotExist},
	{"permission denied", ErrPermission},
	{"must be a multiple of volume block size", ErrInvalid},
	{"cannot be zero", ErrInvalid},
	{"bad numeric value", ErrInvalid},
	{"invalid property", ErrInvalid},
	{"is readonly", ErrInvalid},
	{"must be one of", ErrInvalid},
}

// classify returns the kind of failure that zfs's text stands for, or nil.
func classify(text string) error {
	for _, t := range texts {
		if strings.Contains(text, t.phrase) {
			return t.kind
		}
	}
	return nil
}
