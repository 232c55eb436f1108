package platform

import (
	"reflect"
	"strings"
)

// Parse reads a platform document and returns it with all defaults filled in.
// filename only names the document in errors. The error is a *problem.Error with
// the code InvalidPlatform that lists every fault with its place. Parse opens
// nothing, and equal data give equal platforms.
func Parse(filename string, data []byte) (*Platform, error) {
	d := newDecoder()
	if len(data) <= MaxBytes {
		data = prepared(data)
	}
	r := &report{file: filename, spots: d.spots, at: d.at}
	if where, message, allowed := bounds(data); message != "" {
		r.lines = linesUpTo(data, where.line)
		d.refuse(wholeDocument, where, message, allowed)
		return nil, r.problem(d.faults.list)
	}
	r.lines = strings.Split(string(data), "\n")
	body, where, message, allowed := root(data)
	if message != "" {
		d.refuse(wholeDocument, where, message, allowed)
		return nil, r.problem(d.faults.list)
	}
	p := &Platform{}
	d.spots[""] = nodeSpot(body)
	d.value(body, reflect.ValueOf(p).Elem(), "")
	if foreign := d.foreign(p); foreign != nil {
		return nil, r.problem(foreign)
	}
	full := p.WithDefaults()
	r.values = func(path string) string { return textAt(full, path) }
	list := append(d.faults.list, d.believable(full.contradictions())...)
	if len(list) > 0 {
		return nil, r.problem(list)
	}
	return full, nil
}

// linesUpTo splits only as much of a document as a report needs.
func linesUpTo(data []byte, n int) []string {
	lines := strings.SplitN(string(data), "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	return lines
}

// foreign returns the faults of apiVersion and kind alone when the document is
// of another version or kind: nothing else in it can be judged then.
func (d *decoder) foreign(p *Platform) []*fault {
	var list []*fault
	for _, f := range d.faults.list {
		if (f.path == "apiVersion" || f.path == "kind") && d.spots[f.path] != (spot{}) {
			list = append(list, f)
		}
	}
	return list
}

// believable drops contradictions that rest on a value which could not be used,
// and those that only follow from others: all their places have derived values.
func (d *decoder) believable(list []*fault) []*fault {
	var said, derived []*fault
	for _, f := range list {
		switch {
		case d.anyBroken(f):
		case d.anySaid(f):
			said = append(said, f)
		default:
			derived = append(derived, f)
		}
	}
	if len(said) > 0 || len(d.faults.list) > 0 {
		return said
	}
	return derived
}

// anySaid reports whether the file says any of the values that a fault is about.
func (d *decoder) anySaid(f *fault) bool {
	for _, p := range append(append([]string{f.path}, f.others...), f.depends...) {
		if _, has := d.spots[p]; has {
			return true
		}
	}
	return false
}

func (d *decoder) anyBroken(f *fault) bool {
	for _, p := range append(append([]string{f.path}, f.others...), f.depends...) {
		for b := range d.broken {
			if related(p, b) {
				return true
			}
		}
	}
	return false
}

// related reports whether one path is the other or encloses it.
func related(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || strings.HasPrefix(b, a) && (b[len(a)] == '.' || b[len(a)] == '[')
}
