package access

import (
	"fmt"
	"strings"
)

// Kind says how a difference is removed.
type Kind string

// The kinds of difference.
const (
	Create   Kind = "create"   // it is not there
	Change   Kind = "change"   // it is ours and says something else
	Remove   Kind = "remove"   // it is ours and should not be there
	Conflict Kind = "conflict" // it is not ours and says something else
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Object string `json:"object"`         // "file /etc/ssh/sshd_config.d/00-waddle.conf", "key SHA256:…"
	Is     string `json:"is,omitempty"`   // what is there; empty when nothing is
	Want   string `json:"want,omitempty"` // what should be; empty when nothing should be
	Note   string `json:"note,omitempty"` // what the operator should know or do
}

func (x Difference) String() string {
	s := fmt.Sprintf("%s %s", x.Kind, x.Object)
	if x.Is != "" {
		s += fmt.Sprintf(": is %q", x.Is)
	}
	if x.Want != "" {
		s += fmt.Sprintf(": want %q", x.Want)
	}
	if x.Note != "" {
		s += " (" + x.Note + ")"
	}
	return s
}

// Finding is the answer of a look.
type Finding struct {
	Differences []Difference // none means that nothing is to be done
	Notes       []string     // worth knowing, no difference
}

func (f *Finding) add(x Difference) { f.Differences = append(f.Differences, x) }

func (f *Finding) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

// ConflictError says that something of somebody else's says something else.
// Nothing was changed.
type ConflictError struct{ Differences []Difference }

func (e *ConflictError) Error() string {
	s := make([]string, len(e.Differences))
	for i, x := range e.Differences {
		s[i] = x.String()
	}
	return "cannot change how root logs in: " + strings.Join(s, "; ")
}

// settled returns a *ConflictError when f holds a conflict.
func (f *Finding) settled() error {
	var conflicts []Difference
	for _, x := range f.Differences {
		if x.Kind == Conflict {
			conflicts = append(conflicts, x)
		}
	}
	if len(conflicts) == 0 {
		return nil
	}
	return &ConflictError{conflicts}
}

func createOrChange(exists bool) Kind {
	if exists {
		return Change
	}
	return Create
}
