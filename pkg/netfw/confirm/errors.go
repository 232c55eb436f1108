package confirm

import (
	"fmt"
	"time"
)

// ConflictError says that another change or an emergency is in force. Nothing
// was changed.
type ConflictError struct {
	ID        string // of the other one
	What      string // "the change to lockdown", "the emergency"
	By        string
	Until     time.Time
	Emergency bool
}

func (e *ConflictError) Error() string {
	first := "confirm it or roll it back first"
	if e.Emergency {
		first = "end it first, or wait until it ends by itself"
	}
	return fmt.Sprintf("cannot change the firewall: %s %s by %s is in force until %s: %s",
		e.What, e.ID, orSomebody(e.By), e.Until.Format(time.RFC3339), first)
}

func orSomebody(by string) string {
	if by == "" {
		return "somebody"
	}
	return by
}

// DamagedError says that the truth on disk cannot be read. What is loaded stays;
// a boot loads the built-in lockdown.
type DamagedError struct {
	Path   string
	Err    error
	Loaded bool // the built-in lockdown has been
}

func (e *DamagedError) Error() string {
	if e.Loaded {
		return fmt.Sprintf("cannot trust %s: %v; the built-in lockdown is loaded in its place, and the console is the way in: let yourself in with "+
			"waddled emergency --from ADDRESS --for 30m, then put the file back from a backup, or move the directory away and restart waddled", e.Path, e.Err)
	}
	return fmt.Sprintf("cannot trust %s: %v; the rules that are loaded stay, the next boot loads the built-in lockdown: "+
		"put the file back from a backup, or move the directory away on the console and set a profile again", e.Path, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// InvalidError says what is wrong with a request. Nothing was changed.
type InvalidError struct{ Detail string }

func (e *InvalidError) Error() string { return e.Detail }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// NotPendingError says that no change of that id waits for a confirmation.
type NotPendingError struct {
	ID   string   // "" is any
	Last *Outcome // how the last change ended; may be nil
}

func (e *NotPendingError) Error() string {
	switch l := e.Last; {
	case l != nil && l.ID == e.ID:
		return fmt.Sprintf("no firewall change %s is pending: it was %s at %s (%s)", e.ID, l.Result, l.At.Format(time.RFC3339), l.Reason)
	case l != nil && e.ID == "":
		return fmt.Sprintf("no firewall change is pending: the last one, %s to %s, was %s at %s (%s)", l.ID, l.Profile, l.Result, l.At.Format(time.RFC3339), l.Reason)
	case e.ID == "":
		return "no firewall change is pending"
	}
	return fmt.Sprintf("no firewall change %s is pending", e.ID)
}

// ProofError says that a confirmation proves nothing. The change stays pending.
type ProofError struct {
	ID     string
	Detail string
	Until  time.Time
}

func (e *ProofError) Error() string {
	return fmt.Sprintf("cannot confirm the firewall change %s: %s; it rolls back at %s", e.ID, e.Detail, e.Until.Format(time.RFC3339))
}
