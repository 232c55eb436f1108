package storage

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
)

// Finding is the answer of a look.
type Finding struct {
	Differences []engine.Difference // none means that nothing is to be done
	Notes       []string            // worth knowing, no difference
}

// ConflictError says that something of somebody else's stands in the way.
// Nothing was changed.
type ConflictError struct{ Differences []engine.Difference }

func (e *ConflictError) Error() string { return "cannot use the storage: " + sentences(e.Differences) }

// AdoptionError says that something of somebody else's fits, and that the
// operator has to agree before it is taken over. Nothing was changed.
type AdoptionError struct{ Differences []engine.Difference }

func (e *AdoptionError) Error() string {
	return "cannot take over the storage: " + sentences(e.Differences)
}

func sentences(ds []engine.Difference) string {
	s := make([]string, len(ds))
	for i, d := range ds {
		s[i] = sentence(d)
	}
	return strings.Join(s, "; ")
}

func sentence(d engine.Difference) string {
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

// settled refuses what an apply may not do.
func (f Finding) settled(adopt bool) error {
	var conflicts, takes []engine.Difference
	for _, d := range f.Differences {
		switch d.Kind {
		case engine.Conflict:
			conflicts = append(conflicts, d)
		case engine.Adopt:
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
