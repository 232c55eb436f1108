package storage

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
	Take     Kind = "adopt"    // it is not ours and fits: the operator has to agree
	Conflict Kind = "conflict" // it is not ours and does not fit
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Object string `json:"object"`         // "dataset rpool/k8s-csi", "target iqn.…"
	Is     string `json:"is,omitempty"`   // what is there; empty when nothing is
	Want   string `json:"want,omitempty"` // what should be; empty when nothing should be
	Note   string `json:"note,omitempty"` // what the operator should know or do
}

func (d Difference) String() string {
	s := fmt.Sprintf("%s %s", d.Kind, d.Object)
	if d.Is != "" {
		s += fmt.Sprintf(": is %q", d.Is)
	}
	if d.Want != "" {
		s += fmt.Sprintf(": want %q", d.Want)
	}
	if d.Note != "" {
		s += " (" + d.Note + ")"
	}
	return s
}

// Finding is the answer of a look.
type Finding struct {
	Differences []Difference // none means that nothing is to be done
	Notes       []string     // worth knowing, no difference
}

// ConflictError says that something of somebody else's stands in the way.
// Nothing was changed.
type ConflictError struct{ Differences []Difference }

func (e *ConflictError) Error() string { return "cannot use the storage: " + sentences(e.Differences) }

// AdoptionError says that something of somebody else's fits, and that the
// operator has to agree before it is taken over. Nothing was changed.
type AdoptionError struct{ Differences []Difference }

func (e *AdoptionError) Error() string {
	return "cannot take over the storage: " + sentences(e.Differences)
}

func sentences(ds []Difference) string {
	s := make([]string, len(ds))
	for i, d := range ds {
		s[i] = d.String()
	}
	return strings.Join(s, "; ")
}

// settled refuses what an apply may not do.
func (f Finding) settled(adopt bool) error {
	var conflicts, takes []Difference
	for _, d := range f.Differences {
		switch d.Kind {
		case Conflict:
			conflicts = append(conflicts, d)
		case Take:
			takes = append(takes, d)
		}
	}
	switch {
	case len(conflicts) > 0:
		return &ConflictError{conflicts}
	case len(takes) > 0 && !adopt:
		return &AdoptionError{takes}
	}
	return nil
}
