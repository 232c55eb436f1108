package platform

import (
	"fmt"
	"time"
)

// The units that defaults and bounds are written in.
const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

// fault is one thing that is wrong, before its place in the file is known.
type fault struct {
	path    string
	message string // {other} stands for the first of others and its place
	allowed string
	others  []string // further paths that the fault is about
	depends []string // paths without which the fault may not exist
	hidden  bool     // the source line may show a secret
	either  bool     // path and others[0] are equals: report the one that the file says last
}

// faults collects what is wrong. It never stops at the first.
type faults struct{ list []*fault }

// place is a value and its path.
type place[T any] struct {
	path  string
	value T
}

// add notes what is wrong at path. {other} in the message is replaced by the first of others and where it stands.
func (f *faults) add(path, message, allowed string, others ...string) *fault {
	x := &fault{path: path, message: message, allowed: allowed, others: others}
	f.list = append(f.list, x)
	return x
}

// clash notes a contradiction of two places of equal right.
func (f *faults) clash(a, b, message, allowed string) {
	f.add(a, message, allowed, b).either = true
}

// dependsOn names further paths that went into the judgement.
func (x *fault) dependsOn(paths ...string) { x.depends = append(x.depends, paths...) }

// each gives the paths of a list's elements.
func (f *faults) each(path string, n int) []string { return f.eachField(path, "", n) }

func (f *faults) eachField(path, field string, n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("%s[%d]", path, i)
		if field != "" {
			paths[i] += "." + field
		}
	}
	return paths
}

// unique notes elements of a list whose keys are equal. An element with an empty key is left alone.
func unique(f *faults, message, allowed string, paths []string, key func(int) string) {
	seen := map[string]string{}
	for i, p := range paths {
		k := key(i)
		if k == "" {
			continue
		}
		if first, again := seen[k]; again {
			f.clash(p, first, message, allowed)
			continue
		}
		seen[k] = p
	}
}

// distinct notes places that have one value. A zero value is left alone.
func distinct[T comparable](f *faults, places []place[T], message, allowed string) {
	seen := map[T]string{}
	var zero T
	for _, p := range places {
		if p.value == zero {
			continue
		}
		if first, again := seen[p.value]; again {
			f.clash(p.path, first, fmt.Sprintf("%v %s", p.value, message), allowed)
			continue
		}
		seen[p.value] = p.path
	}
}

// within notes a length of time outside its bounds.
func within(f *faults, path string, d, lo, hi Duration) {
	if d < lo || d > hi {
		f.add(path, fmt.Sprintf("%s is out of range", d), fmt.Sprintf("%s to %s", lo, hi))
	}
}

// or gives *v the plan's value where it has none.
func or[T comparable](v *T, plan T) {
	var zero T
	if *v == zero {
		*v = plan
	}
}
