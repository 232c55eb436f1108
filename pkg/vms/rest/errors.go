package rest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Error is a refusal by Proxmox.
type Error struct {
	Method, Path string
	Status       int               // of HTTP: 400 a parameter, 401 the token, 403 a privilege, 500 everything else
	Message      string            // Proxmox's words
	Params       map[string]string // what is wrong with which parameter
}

func (e *Error) Error() string {
	said := e.Message
	for _, name := range slices.Sorted(maps.Keys(e.Params)) {
		said += fmt.Sprintf(" %s: %s.", name, strings.TrimRight(strings.TrimSpace(e.Params[name]), "."))
	}
	return fmt.Sprintf("Proxmox refuses %s %s (%d): %s", e.Method, e.Path, e.Status, said)
}

// AskError is a request that got no answer which can be read. Unless it is because of a *TrustError, what was
// asked for may have been done all the same.
type AskError struct {
	Method, Path, URL string
	Err               error
}

func (e *AskError) Error() string {
	return fmt.Sprintf("cannot ask Proxmox for %s %s at %s: %v", e.Method, e.Path, e.URL, e.Err)
}

// Unwrap is for callers that look for the reason.
func (e *AskError) Unwrap() error { return e.Err }

// TrustError is a node whose certificate could not be verified, so that nothing was sent to it.
type TrustError struct {
	CAFile string
	Err    error
}

func (e *TrustError) Error() string {
	return fmt.Sprintf("the node's certificate cannot be verified with %s: %v", e.CAFile, e.Err)
}

// Unwrap is for callers that look for the reason.
func (e *TrustError) Unwrap() error { return e.Err }

// TokenError is a token that cannot be read.
type TokenError struct {
	File string
	Err  error
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("cannot read the API token in %s: %v", e.File, e.Err)
}

// Unwrap is for callers that look for the reason.
func (e *TokenError) Unwrap() error { return e.Err }

// TaskError is a task that ended otherwise than well.
type TaskError struct {
	UPID string
	Exit string   // the exit status
	Log  []string // its last lines
}

func (e *TaskError) Error() string {
	s := fmt.Sprintf("Proxmox's task %s failed: %s", e.UPID, e.Exit)
	if len(e.Log) > 0 {
		s += " (its log: " + strings.Join(e.Log, "; ") + ")"
	}
	return s
}
