package iscsi

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// The kinds of failure that a caller can act on.
var (
	ErrInUse    = errors.New("initiators are logged in")
	ErrStuck    = errors.New("the kernel did not return")
	ErrNotOurs  = errors.New("not one of our targets")
	ErrNotExist = errors.New("target does not exist")
	ErrClaimed  = errors.New("device is held by somebody else")
	ErrNotReady = errors.New("the kernel's iSCSI target is not ready")
)

// Error is a change that failed.
type Error struct {
	Op     string // what was tried: "enable portal group"
	Object string // on what: "target iqn.…", "backstore pvc-1"
	Path   string // the file or folder in configfs
	Advice string // what to do; empty when nobody knows
	Kind   error  // one of the kinds above, or nil
	Err    error  // the kernel's
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cannot " + phrase(e.Op, e.Object))
	if e.Err != nil {
		fmt.Fprintf(&b, ": configfs %s: %v", e.Path, bare(e.Err))
	}
	if e.Advice != "" {
		fmt.Fprintf(&b, ": %s", e.Advice)
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// phrase joins an operation and its object: "make backstore" and "backstore a"
// are "make backstore a", "enable portal group" and "target t" are "enable portal
// group of target t".
func phrase(op, object string) string {
	noun := op[strings.LastIndexByte(op, ' ')+1:]
	if strings.HasPrefix(object, noun+" ") {
		return op + object[len(noun):]
	}
	return op + " of " + object
}

// bare drops the path that os errors repeat.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// advice says what a kernel's errno means for one operation. The rules are those
// of fs/configfs/dir.c and drivers/target.
func advice(op string, err error) (text string, kind error) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return "", nil
	}
	type key struct {
		op    string
		errno syscall.Errno
	}
	known := map[key]struct {
		kind error
		text string
	}{
		{opEnableBackstore, syscall.EBUSY}:    {ErrClaimed, "the device is open exclusively elsewhere: another backstore, a mount, LVM or a VM's disk"},
		{opEnableBackstore, syscall.ENOENT}:   {nil, "the device is not there; was the volume made, and has udev made its link?"},
		{opEnableBackstore, syscall.ENODEV}:   {nil, "the device is not there; was the volume made, and has udev made its link?"},
		{opEnableBackstore, syscall.ENOTBLK}:  {nil, "the path is not a block device"},
		{opEnableBackstore, syscall.EINVAL}:   {nil, "the backstore has no device path"},
		{opEnableBackstore, syscall.EACCES}:   {nil, "the device is read-only or in a forbidden place"},
		{opMakePortal, syscall.EINVAL}:        {nil, "is another program, or a target on 0.0.0.0, listening on that port? ss -ltnp; targetcli ls"},
		{opMakePortal, syscall.EADDRINUSE}:    {nil, "another program is listening on that port: ss -ltnp"},
		{opMakePortal, syscall.EADDRNOTAVAIL}: {nil, "the address is not on this host; is the internal bridge up?"},
		{opRemoveBackstore, syscall.EBUSY}:    {ErrClaimed, "a LUN of another target uses it"},
		{opEnablePortalGroup, syscall.EINVAL}: {nil, "the kernel's log says why: dmesg | tail"},
		{opSetBackstore, syscall.EINVAL}:      {nil, "the value is not allowed, or cannot be changed while the backstore is exported"},
		{opSetBackstore, syscall.ENOSYS}:      {nil, "the device cannot do that (emulate_tpu needs one that supports discard)"},
		{opSetPortalGroup, syscall.EINVAL}:    {nil, "the value is not allowed for this attribute"},
	}
	if a, ok := known[key{op, errno}]; ok {
		return a.text, a.kind
	}
	switch errno {
	case syscall.EPERM, syscall.EACCES:
		return "run as root; in configfs only the kernel makes this", nil
	case syscall.ENOENT:
		return "the kernel does not have it: a module is missing (see Prepare), or somebody removed it meanwhile; try again", ErrNotReady
	case syscall.EBUSY, syscall.ENOTEMPTY:
		return "somebody else changed it meanwhile (targetcli?); try again", nil
	case syscall.ENOMEM:
		return "the kernel has no memory left", nil
	}
	return "", nil
}
