package vms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// explain turns what a request failed with into an Error. The context's own error
// stays what it is.
func (a *api) explain(ctx context.Context, err error) error {
	var known *Error
	var s *rest.Error
	var t *rest.TrustError
	var token *rest.TokenError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case errors.As(err, &s):
		return explainStatus(s)
	case errors.As(err, &token):
		return fail(KindToken, err, "make one: waddled setup proxmox", "the API token cannot be read: %v", err)
	case errors.Is(err, rest.ErrNoCA):
		return fail(KindUntrusted, err, "it is the node's own CA: pvecm updatecerts", "%v", cause(err))
	case errors.As(err, &t):
		return fail(KindUntrusted, err, "is it the name of the node? A new certificate: pvecm updatecerts --force; one of your own (pveproxy-ssl.pem) has to be signed by a CA in "+t.CAFile+"; if nobody replaced it, somebody else answers there",
			"the certificate that Proxmox showed is not trusted: %v", t.Err)
	case refusedConnection(err):
		return fail(KindUnreachable, err, "look at systemctl status pveproxy on the node, and at the address", "Proxmox cannot be reached: %v", cause(err))
	}
	return fail(KindUnavailable, err, "run it again; if it stays, look at systemctl status pveproxy pvedaemon on the node", "Proxmox gave no answer: %v", cause(err))
}

// refusedConnection tells whether there was no connection.
func refusedConnection(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED)
}

// cause leaves out the client's own words, method and URL.
func cause(err error) error {
	var u *rest.AskError
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

var privilege = regexp.MustCompile(`Permission check failed \((/[^,]*), ([^)]+)\)`)

func explainStatus(s *rest.Error) error {
	switch {
	case s.Status == 401:
		return fail(KindToken, s, "make it anew: waddled setup proxmox", "Proxmox does not take the API token: %s", s.Message)
	case s.Status == 403:
		e := fail(KindForbidden, s, "give the role its privileges: waddled setup proxmox", "the API token may not do that: %s", s.Message)
		if m := privilege.FindStringSubmatch(s.Message); m != nil {
			e.Path, e.Privilege = m[1], m[2]
		}
		return e
	case len(s.Params) > 0:
		return explainParams(s)
	case s.Status > 500 && s.Status != 501:
		return fail(KindUnavailable, s, "run it again; if it stays, look at systemctl status pveproxy pvedaemon on the node", "Proxmox answered %d: %s", s.Status, s.Message)
	}
	return explainText(s.Message, s)
}

func explainParams(s *rest.Error) error {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		text := strings.Join(strings.Fields(s.Params[name]), " ")
		if kind := kindOf(text); kind != KindRefused {
			return explainText(text, s)
		}
		all = append(all, fmt.Sprintf("%s: %s", name, text))
	}
	return fail(KindInvalid, s, "correct what is declared", "Proxmox refuses the parameters: %s", strings.Join(all, "; "))
}

// explainText is the Error of a refusal or of a task's end.
func explainText(text string, cause error) *Error {
	kind := kindOf(text)
	return fail(kind, cause, hints[kind], "%s", strings.Join(strings.Fields(text), " "))
}

// explainTask is the Error of a task that did not end well.
func explainTask(t *rest.TaskError) error {
	e := explainText(t.Exit, t)
	if e.Kind == KindRefused {
		e.Kind = KindTask
		// The exit status often says only that QEMU did not start; the log knows why.
		if kind := kindOf(strings.Join(t.Log, "\n")); kind != KindRefused {
			e.Kind = kind
		}
		e.Hint = hints[e.Kind]
	}
	e.Detail, e.Task, e.Log = fmt.Sprintf("the task ended with %q", t.Exit), t.UPID, t.Log
	return e
}

// texts tell the kind of a refusal by Proxmox's words; the first that fits counts.
var texts = []struct {
	words *regexp.Regexp
	kind  Kind
}{
	{regexp.MustCompile(`can't lock file .* got timeout|got lock request timeout`), KindBusy},
	{regexp.MustCompile(`VM is locked`), KindLocked},
	{regexp.MustCompile(`checksum mismatch|file change by other user`), KindChanged},
	{regexp.MustCompile(`protection mode enabled`), KindProtected},
	{regexp.MustCompile(`snapshot name .* already used`), KindExists},
	// The cloud-init drive has a name of its own, so a disk that an earlier VM left is in its way.
	{regexp.MustCompile(`dataset already exists|disk image .* already exists|Logical Volume .* already exists`), KindLeftover},
	{regexp.MustCompile(`already exists|config file already exists`), KindTaken},
	{regexp.MustCompile(`Configuration file .* does not exist|snapshot '.*' does not exist|no such VM`), KindGone},
	{regexp.MustCompile(`bridge '[^']*' does not exist`), KindBridge},
	{regexp.MustCompile(`content type '[^']*' is not available|does not support vm images|content type needs to be`), KindContent},
	{regexp.MustCompile(`out of space|No space left|greater than available space|not enough (free )?space|disk quota exceeded`), KindFull},
	{regexp.MustCompile(`cannot import from|could not get size of|Could not open '|Image is not in|not in qcow2 format`), KindImage},
	{regexp.MustCompile(`storage '[^']*' (does not exist|is disabled|is not available)`), KindStorage},
	{regexp.MustCompile(`guest agent|QEMU guest agent|qga command|Agent error`), KindAgent},
	{regexp.MustCompile(`already running|not running|is running|is paused`), KindState},
}

func kindOf(text string) Kind {
	for _, t := range texts {
		if t.words.MatchString(text) {
			return t.kind
		}
	}
	return KindRefused
}

// hints say what to do about a kind.
var hints = map[Kind]string{
	KindBusy:      "something on the node holds the lock (a clone, a backup): look at its tasks, and run it again",
	KindLocked:    "wait until what holds the lock has ended: a backup, a snapshot, a migration; when the node lost power in the middle of it, on the node: qm unlock",
	KindChanged:   "somebody changed the VM meanwhile: look at the plan again",
	KindProtected: "switch the VM's protection off if it may go",
	KindTaken:     "declare another number",
	KindLeftover:  "look at the disks that have the number, on the node: pvesm list STORAGE; what nobody needs goes with: pvesm free VOLUME",
	KindGone:      "look at the list of VMs: waddle vm ls",
	KindExists:    "take another name",
	KindBridge:    "make the bridge, or declare another one",
	KindContent:   "allow the content on the storage: waddled setup proxmox, or Datacenter, Storage, Edit",
	KindFull:      "free space on the storage, or declare smaller disks",
	KindImage:     "pull the image again: waddle image pull",
	KindStorage:   "declare a storage that the node has: pvesm status",
	KindAgent:     "look whether the guest is up and runs qemu-guest-agent",
	KindState:     "look at the VM's state: waddle vm show",
	KindTask:      "look at the task on the node",
	KindRefused:   "look at the node's log: journalctl -u pvedaemon",
}
