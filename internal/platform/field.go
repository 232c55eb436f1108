package platform

import (
	"reflect"
	"strings"
)

// field is one key of a mapping.
type field struct {
	name     string
	index    int
	goName   string
	table    string // the struct's Go name
	required bool
	optional bool // it may be absent, and no default takes its place
}

// fieldsOf lists a struct's keys in the order of the document.
func fieldsOf(t reflect.Type) []field {
	list := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		list = append(list, field{name: name, index: i, goName: sf.Name, table: t.Name(),
			required: sf.Tag.Get("platform") == "required",
			optional: options == "omitempty"})
	}
	return list
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent is the path that p lies in, "" for the document.
func parent(p string) string {
	if i := strings.LastIndexAny(p, ".["); i >= 0 {
		return p[:i]
	}
	return ""
}

// allowedFor says what a key of the type t takes.
func allowedFor(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if r, leaf := ruleOf(t); leaf {
		return r.allowed
	}
	if t.Kind() == reflect.Slice {
		if r, leaf := ruleOf(t.Elem()); leaf {
			return "a list, each entry " + r.allowed
		}
		return "a list of mappings with " + keysOf(t.Elem())
	}
	return "a mapping with " + keysOf(t)
}

func keysOf(t reflect.Type) string {
	var names []string
	for _, f := range fieldsOf(t) {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}
