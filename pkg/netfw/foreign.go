package netfw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ForeignFile is a file of the operator's out of which adoption takes lines.
type ForeignFile struct {
	Was  FileState `json:"was"`
	Left []byte    `json:"left"` // what adoption leaves of it
	Copy FileState `json:"copy"` // the place of the kept copy, as it was
}

func (d *Driver) captureForeign(path string, left []byte) (ForeignFile, error) {
	was, err := d.captureFile(path)
	if err != nil {
		return ForeignFile{}, err
	}
	kept, err := d.captureFile(adoptedDir + path)
	return ForeignFile{Was: was, Left: left, Copy: kept}, err
}

// takeOut keeps a copy of the file and leaves only what adoption leaves.
func (d *Driver) takeOut(path string, was, left []byte) error {
	if bytes.Equal(was, left) {
		return nil
	}
	if err := d.keepCopy(path, was); err != nil {
		return err
	}
	return d.writeFile(path, left, plainMode)
}

// undoForeign says what putBack would change. A file that the operator edited
// since is theirs: it is a conflict.
func (d *Driver) undoForeign(f ForeignFile) ([]Difference, error) {
	now, ok, err := d.read(f.Was.Path)
	if err != nil {
		return nil, err
	}
	x := Difference{Kind: Change, Object: "file " + f.Was.Path, Is: string(now), Want: string(f.Was.Content)}
	back, clean := f.merge(now)
	switch {
	case !ok || !clean:
		x.Kind = Conflict
		x.Note = "it was edited after lines had been taken out of it; put them back by hand, the file as it was is " + f.Copy.Path
	case bytes.Equal(back, now):
		return nil, nil
	default:
		x.Want = string(back)
	}
	return []Difference{x}, nil
}

// merge returns now with the lines that adoption took out back at their place.
// It is not clean when the file has lines since that it had not before. Lines
// that are gone are no hindrance: another part of the adoption took them.
func (f ForeignFile) merge(now []byte) ([]byte, bool) {
	if bytes.Equal(now, f.Left) || bytes.Equal(now, f.Was.Content) {
		return f.Was.Content, true
	}
	was, left, is := fileLines(f.Was.Content), fileLines(f.Left), fileLines(now)
	var out []byte
	for _, l := range was {
		taken := len(left) == 0 || left[0] != l
		if !taken {
			left = left[1:]
		}
		there := len(is) > 0 && is[0] == l
		if there {
			is = is[1:]
		}
		if taken || there {
			out = append(out, l...)
		}
	}
	return out, len(left) == 0 && len(is) == 0
}

// fileLines splits into lines that keep their newline.
func fileLines(b []byte) []string { return slices.Collect(strings.Lines(string(b))) }

func (d *Driver) putBack(f ForeignFile) error {
	ds, err := d.undoForeign(f)
	if err != nil {
		return err
	}
	for _, x := range ds {
		if x.Kind == Conflict {
			return &ConflictError{ds}
		}
		if err := d.writeFile(f.Was.Path, []byte(x.Want), f.Was.Mode); err != nil {
			return err
		}
	}
	return d.restoreFile(f.Copy)
}

// undoFiles collects what putting the files back would change.
func (d *Driver) undoFiles(own []FileState, foreign []ForeignFile) ([]Difference, error) {
	var out []Difference
	for _, s := range own {
		ds, err := d.undoFile(s)
		if err != nil {
			return nil, err
		}
		out = append(out, ds...)
	}
	for _, f := range foreign {
		ds, err := d.undoForeign(f)
		if err != nil {
			return nil, err
		}
		out = append(out, ds...)
	}
	return out, nil
}

// putFilesBack puts the operator's files back first: a conflict in one of them
// leaves ours in force.
func (d *Driver) putFilesBack(own []FileState, foreign []ForeignFile) error {
	for _, f := range foreign {
		if err := d.putBack(f); err != nil {
			return fmt.Errorf("cannot put %s back: %w", f.Was.Path, err)
		}
	}
	for _, s := range own {
		if err := d.restoreFile(s); err != nil {
			return err
		}
	}
	return nil
}

// undoConflicts finds, before anything is changed, a file that cannot be put back.
func (d *Driver) undoConflicts(foreign []ForeignFile) error {
	ds, err := d.undoFiles(nil, foreign)
	if err != nil {
		return err
	}
	f := Finding{Differences: ds}
	return f.allowed(Consent{Adopt: true})
}
