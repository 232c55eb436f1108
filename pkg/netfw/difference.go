package netfw

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
	Adopt    Kind = "adopt"    // it is not ours and says the same; the operator has to agree
	Conflict Kind = "conflict" // it is not ours and says something else
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Object string `json:"object"`         // "link vmbr1", "file /etc/sysctl.d/60-waddle.conf", "rule ip/filter WADDLE-INPUT"
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

func (f *Finding) of(k Kind) []Difference {
	var out []Difference
	for _, x := range f.Differences {
		if x.Kind == k {
			out = append(out, x)
		}
	}
	return out
}

// Consent is what the operator has agreed to.
type Consent struct {
	Adopt bool // take over what is there and says the same
}

// ConflictError says that something of somebody else's says something else.
// Nothing was changed.
type ConflictError struct{ Differences []Difference }

func (e *ConflictError) Error() string {
	return "cannot change the host's network: " + list(e.Differences)
}

// AdoptionError says that the operator has to agree first. Nothing was changed.
type AdoptionError struct{ Differences []Difference }

func (e *AdoptionError) Error() string {
	return "cannot take over without consent what is already there: " + list(e.Differences)
}

func list(ds []Difference) string {
	s := make([]string, len(ds))
	for i, x := range ds {
		s[i] = x.String()
	}
	return strings.Join(s, "; ")
}

// allowed reports what stands against applying f.
func (f *Finding) allowed(c Consent) error {
	if x := f.of(Conflict); len(x) > 0 {
		return &ConflictError{x}
	}
	if x := f.of(Adopt); len(x) > 0 && !c.Adopt {
		return &AdoptionError{x}
	}
	return nil
}
