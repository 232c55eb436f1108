package platform

import (
	"encoding"
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml"
)

// Marshal writes p as YAML: what is set, in the order of the reference. A
// document with every value is Marshal(p.WithDefaults()), a short one
// Marshal(Minimal(p)).
func Marshal(p *Platform) ([]byte, error) {
	out, err := yaml.MarshalWithOptions(treeOf(reflect.ValueOf(p).Elem()), yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("cannot write the platform as YAML: %w", err)
	}
	return out, nil
}

// treeOf is v in YAML's terms; nil for what is not set.
func treeOf(v reflect.Value) any {
	if isLeaf(v.Type()) {
		return leafValue(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return treeOf(v.Elem())
	case reflect.Slice:
		var list []any
		for i := range v.Len() {
			list = append(list, treeOf(v.Index(i)))
		}
		return list
	}
	tree := yaml.MapSlice{}
	for _, f := range fieldsOf(v.Type()) {
		if fv := v.Field(f.index); !fv.IsZero() {
			tree = append(tree, yaml.MapItem{Key: f.name, Value: treeOf(fv)})
		}
	}
	return tree
}

func leafValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int:
		return v.Int()
	}
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// textAt is the value at path for a message; empty for what is no leaf or not set.
func textAt(p *Platform, path string) string {
	v, err := reach(reflect.ValueOf(p.Clone()).Elem(), path)
	if err != nil || v.IsZero() {
		return ""
	}
	if !isLeaf(v.Type()) {
		return ""
	}
	return fmt.Sprint(leafValue(v))
}
