package platform

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills a Platform from the syntax tree and remembers where everything
// stands. It goes on after a fault, so that all are found in one run.
type decoder struct {
	faults faults
	spots  map[string]spot // of each key or list element that the file has
	broken map[string]bool // paths whose value could not be used
	at     map[*fault]spot // of faults whose place is not that of their path

	required map[string]bool // paths that are there and have no default
}

func newDecoder() *decoder {
	return &decoder{spots: map[string]spot{}, broken: map[string]bool{}, at: map[*fault]spot{}, required: map[string]bool{}}
}

// refuse notes a fault at a place of its own.
func (d *decoder) refuse(path string, where spot, message, allowed string) *fault {
	f := d.faults.add(path, message, allowed)
	d.at[f] = where
	d.broken[path] = true
	return f
}

func (d *decoder) value(n ast.Node, v reflect.Value, path string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.refuse(path, d.fallback(nodeSpot(n), path), describe(n), "plain values, written out")
		return
	}
	if isLeaf(v.Type()) {
		d.leaf(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.mapping(n, v, path)
	}
}

func (d *decoder) list(n ast.Node, v reflect.Value, path string) {
	seq, is := n.(*ast.SequenceNode)
	if !is {
		d.wrongType(n, path, "a list", allowedFor(v.Type()))
		return
	}
	if len(seq.Values) == 0 {
		allowed := allowedFor(v.Type())
		if !d.required[path] {
			allowed += "; leave the key out for the default"
		}
		d.refuse(path, d.fallback(nodeSpot(n), path), "is an empty list", allowed)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		p := fmt.Sprintf("%s[%d]", path, i)
		d.spots[p] = d.fallback(nodeSpot(e), path)
		d.value(e, v.Index(i), p)
	}
}

// fallback replaces a place that the parser does not know by that of path.
func (d *decoder) fallback(s spot, path string) spot {
	if s.line > 0 {
		return s
	}
	return d.spots[path]
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	list, is := entries(n)
	if !is && (describe(n) != "has no value" || !demanding(v.Type())) {
		d.wrongType(n, path, "a mapping", allowedFor(v.Type()))
		return
	}
	fields := map[string]field{}
	for _, f := range fieldsOf(v.Type()) {
		fields[f.name] = f
	}
	for _, e := range list {
		d.entry(e, fields, v, path)
	}
	for _, f := range fieldsOf(v.Type()) {
		if _, there := d.spots[join(path, f.name)]; !there {
			d.missing(f, v.Type().Field(f.index).Type, join(path, f.name))
		}
	}
}

func (d *decoder) entry(e *ast.MappingValueNode, fields map[string]field, v reflect.Value, path string) {
	where := d.fallback(nodeSpot(e), path)
	key, plain := keyText(e.Key)
	if !plain {
		d.refuse(join(path, shorten(key)), where, "is no plain key", "keys without anchors, tags, merges and '?'")
		return
	}
	p := join(path, shorten(key))
	f, known := fields[key]
	if !known {
		d.unknown(e, key, v, path, where)
		return
	}
	if first, again := d.spots[p]; again {
		d.refuse(p, where, fmt.Sprintf("stands twice in one mapping: first at line %d, column %d", first.line, first.column), "each key once")
		return
	}
	d.spots[p], d.required[p] = where, f.required
	d.value(e.Value, v.Field(f.index), p)
}

func (d *decoder) wrongType(n ast.Node, path, want, allowed string) {
	message := describe(n)
	switch {
	case message == "has no value" && !d.required[path]:
		allowed += "; leave the key out for the default"
	case message != "has no value":
		message += ", not " + want
	}
	d.refuse(path, d.fallback(nodeSpot(n), path), message, allowed)
}
