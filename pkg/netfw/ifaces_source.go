package netfw

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

const (
	interfacesFile = "/etc/network/interfaces"
	ownInterfaces  = "/etc/network/interfaces.d/waddle"
)

// sourceDirName is what source-directory reads (interfaces(5)).
var sourceDirName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// interfaces is the host's interface configuration without our own file.
type interfaces struct {
	files    map[string]ifFile // by path on the host
	order    []string
	missing  bool // there is no /etc/network/interfaces
	readsOur bool // a source line reads our file
}

// maxSourced bounds how many files are read: a file may source itself.
const maxSourced = 200

func (d *Driver) readInterfaces() (*interfaces, error) {
	in := &interfaces{files: map[string]ifFile{}}
	todo := []string{interfacesFile}
	for len(todo) > 0 && len(in.order) < maxSourced {
		name := todo[0]
		todo = todo[1:]
		if _, seen := in.files[name]; seen {
			continue
		}
		b, ok, err := d.read(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			in.missing = in.missing || name == interfacesFile
			continue
		}
		f := parseInterfaces(b)
		for i := range f.stanzas {
			f.stanzas[i].file = name
		}
		in.files[name] = f
		in.order = append(in.order, name)
		more, err := d.sourced(in, name, f)
		if err != nil {
			return nil, err
		}
		todo = append(todo, more...)
	}
	return in, nil
}

// sourced returns the files that f sources, ours excepted.
func (d *Driver) sourced(in *interfaces, from string, f ifFile) ([]string, error) {
	var out []string
	for _, l := range f.sources {
		for _, pattern := range l.words[1:] {
			if !path.IsAbs(pattern) {
				pattern = path.Join(path.Dir(from), pattern)
			}
			directory := l.keyword() == "source-directory"
			if directory {
				pattern = path.Join(pattern, "*")
			}
			if ok, err := path.Match(pattern, ownInterfaces); err == nil && ok {
				in.readsOur = true
			}
			names, err := filepath.Glob(d.at(pattern))
			if err != nil {
				return nil, fmt.Errorf("cannot read what %s sources: %s: %w", from, pattern, err)
			}
			sort.Strings(names)
			for _, n := range names {
				n = d.hostPath(n)
				// wordexp(3) leaves hidden files out, Glob does not: a write of ours that
				// was killed would be somebody's stanza.
				if hidden(n) && !hidden(pattern) {
					continue
				}
				if n == ownInterfaces || directory && !sourceDirName.MatchString(path.Base(n)) || d.isDir(n) {
					continue
				}
				out = append(out, n)
			}
		}
	}
	return out, nil
}

func hidden(name string) bool { return strings.HasPrefix(path.Base(name), ".") }

// stanzasOf returns every stanza of the interface, in the order it is read.
func (in *interfaces) stanzasOf(name string) []ifStanza {
	var out []ifStanza
	for _, f := range in.order {
		for _, s := range in.files[f].stanzas {
			if s.name == name {
				out = append(out, s)
			}
		}
	}
	return out
}
