package platform

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// unknown refuses a key. What stands below a mistyped one is read all the same:
// its errors are the operator's next ones, and it is not missing.
func (d *decoder) unknown(e *ast.MappingValueNode, key string, v reflect.Value, path string, where spot) {
	near := nearest(key, fieldsOf(v.Type()))
	message, allowed := unknownKey(key, near, path, v.Type())
	d.refuse(join(path, shorten(key)), where, message, allowed)
	for _, f := range fieldsOf(v.Type()) {
		meant := join(path, f.name)
		if _, there := d.spots[meant]; f.name == near && !there && v.Field(f.index).IsZero() {
			d.spots[meant] = where
			d.value(e.Value, v.Field(f.index), meant)
		}
	}
}

// demanding reports whether something below t is required.
func demanding(t reflect.Type) bool {
	if isLeaf(t) || t.Kind() != reflect.Struct {
		return false
	}
	for _, f := range fieldsOf(t) {
		if f.required || demanding(t.Field(f.index).Type) {
			return true
		}
	}
	return false
}

// missing notes the required keys of what the file leaves out.
func (d *decoder) missing(f field, t reflect.Type, path string) {
	if f.required {
		d.faults.add(path, "is missing, and the plan cannot know it", allowedFor(t))
		d.broken[path] = true
		return
	}
	if isLeaf(t) || t.Kind() != reflect.Struct {
		return
	}
	for _, sub := range fieldsOf(t) {
		d.missing(sub, t.Field(sub.index).Type, join(path, sub.name))
	}
}
