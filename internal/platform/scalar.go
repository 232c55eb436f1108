package platform

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// leaf reads one scalar and holds it against its type's rule.
func (d *decoder) leaf(n ast.Node, v reflect.Value, path string) {
	r, _ := ruleOf(v.Type())
	text, plain := scalarText(n)
	where := d.fallback(nodeSpot(n), path)
	d.spots[path] = where
	if _, scalar := n.(ast.ScalarNode); !scalar || describe(n) == "has no value" {
		d.wrongType(n, path, "a "+string(r.kind), r.allowed)
		return
	}
	message := d.readable(n, text, plain, r)
	if message == "" {
		message = d.set(v, text, r)
	}
	if message == "" && r.kind == textLeaf && !plain && v.Kind() == reflect.String {
		message = fmt.Sprintf("%s %s, not a text: write \"%s\"", text, describe(n), text)
	}
	if message != "" {
		v.SetZero()
		d.refuse(path, where, message, r.allowed).hidden = r.secret || strings.Contains(message, "not shown")
	}
}

// readable finds scalars whose text is of no use for the leaf.
func (d *decoder) readable(n ast.Node, text string, plain bool, r rule) string {
	switch {
	case strings.ContainsAny(text, "\n\r") && !looksSecret(text):
		return "has more than one line"
	case r.kind != numberLeaf || !plain:
		return ""
	}
	if _, err := strconv.Atoi(text); err == nil {
		return fmt.Sprintf("%q is a text: write %s without quotes", text, text)
	}
	return quote(text, r) + " is a text, not a number"
}

// set stores text in v and returns what is wrong with it.
func (d *decoder) set(v reflect.Value, text string, r rule) string {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Sprintf("%s is not a whole number", quote(text, r))
		}
		v.SetInt(int64(n))
	default:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return unreadable(v.Interface(), text, err)
		}
	}
	message, _ := wrongLeaf(v)
	return message
}
