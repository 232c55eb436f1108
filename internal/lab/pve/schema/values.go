package schema

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Values are the parameters of one request: string, json.Number, bool or []any.
type Values map[string]any

// Text is how Proxmox sees a value: booleans are 1 and 0, numbers are their digits.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	case json.Number:
		return v.String()
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// Text returns a parameter as text, "" when it is not there.
func (v Values) Text(name string) string { return Text(v[name]) }

// Has tells whether a parameter was given.
func (v Values) Has(name string) bool { return v[name] != nil }

// Int returns a parameter as a number, or def when it is not there.
func (v Values) Int(name string, def int) int {
	if n, err := strconv.Atoi(v.Text(name)); err == nil {
		return n
	}
	return def
}

// Bool returns a parameter as a boolean, or def when it is not there.
func (v Values) Bool(name string, def bool) bool {
	switch v.Text(name) {
	case "1":
		return true
	case "0":
		return false
	}
	return def
}

// Names returns the parameters' names, sorted.
func (v Values) Names() []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// List splits a list as Proxmox does: commas, semicolons, spaces and NUL part the elements.
func List(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",; \t\n\x00", r) })
}
