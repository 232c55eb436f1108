package platform

import (
	_ "embed"
	"reflect"
	"strings"
)

//go:generate go run ./gendoc -root ../..

//go:embed platform.schema.json
var schema []byte

// Schema is the document's JSON Schema (draft 2020-12), for editors.
func Schema() []byte { return append([]byte(nil), schema...) }

// Shape is what a key holds.
type Shape string

// The shapes.
const (
	Mapping Shape = "mapping"
	List    Shape = "list"
	Text    Shape = "text"
	Number  Shape = "number"
)

// Entry describes one key of the document, for the schema and the reference page.
type Entry struct {
	Path     string // dotted; the elements of a list are PATH[]
	Table    string // Go type that has the key
	Field    string // Go name of the key in it
	Of       string // Go type of the value, of a list's elements
	Shape    Shape
	Element  Shape // of a list's elements
	Required bool
	Optional bool // absent means none, not a default
	Default  any  // string, int64, list of them, or nil
	Allowed  string
	Pattern  string
	Enum     []string
	Min, Max int64 // of a number
}

// Entries lists every key in the order of the document, each mapping before its keys.
func Entries() []Entry {
	var list []Entry
	full := Defaults()
	walkType(reflect.TypeFor[Platform](), "", func(path string, f field, t reflect.Type) {
		list = append(list, entryOf(full, path, f, t))
	})
	return list
}

func entryOf(full *Platform, path string, f field, t reflect.Type) Entry {
	e := Entry{Path: path, Table: f.table, Field: f.goName, Required: f.required, Optional: f.optional, Allowed: allowedFor(t)}
	e.Shape = shapeOf(t)
	of := t
	if e.Shape == List {
		of = t.Elem()
		e.Element = shapeOf(of)
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	e.Of = of.Name()
	if r, leaf := ruleOf(of); leaf {
		e.Allowed, e.Enum, e.Min, e.Max = r.allowed, r.enum, r.min, r.max
		if r.pattern != nil {
			e.Pattern = r.pattern.String()
		}
		if !e.Required {
			e.Default = defaultAt(full, path, e.Shape)
		}
	}
	return e
}

func shapeOf(t reflect.Type) Shape {
	switch {
	case t.Kind() == reflect.Slice:
		return List
	case !isLeaf(t):
		return Mapping
	case t.Kind() == reflect.Int:
		return Number
	}
	return Text
}

// defaultAt is the plan's value. Of a list's elements it is that of the first.
func defaultAt(full *Platform, path string, shape Shape) any {
	v, err := reach(reflect.ValueOf(full.Clone()).Elem(), strings.ReplaceAll(path, "[]", "[0]"))
	if err != nil || v.IsZero() {
		return nil
	}
	if shape == List {
		return treeOf(v)
	}
	return leafValue(v)
}
