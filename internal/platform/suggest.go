package platform

import (
	"fmt"
	"reflect"
	"strings"
)

// unknownKey says what the operator may have meant.
func unknownKey(key, near, path string, t reflect.Type) (message, allowed string) {
	allowed = keysOf(t)
	if near != "" {
		return fmt.Sprintf("is not a key here: did you mean %s?", near), allowed
	}
	if homes := pathsNamed(key); len(homes) > 0 && len(homes) <= 3 {
		return "is not a key here: it belongs to " + strings.Join(homes, " or "), allowed
	}
	if path == "" {
		return "is not a key of a platform document", allowed
	}
	return "is not a key here", allowed
}

// nearest is the known key that differs only in case or by up to two letters.
func nearest(key string, fields []field) string {
	best, least := "", 3
	for _, f := range fields {
		if strings.EqualFold(f.name, key) {
			return f.name
		}
		if len(key) < 40 && len(f.name) > 3 {
			if n := edits(strings.ToLower(key), strings.ToLower(f.name)); n < least {
				best, least = f.name, n
			}
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next := min(row[j]+1, row[j-1]+1, diagonal+cost)
			diagonal, row[j] = row[j], next
		}
	}
	return row[len(b)]
}

// pathsNamed lists where in the document a key of this name exists.
func pathsNamed(key string) []string {
	var found []string
	walkType(reflect.TypeFor[Platform](), "", func(path string, f field, _ reflect.Type) {
		if f.name == key {
			found = append(found, parentOrDocument(path))
		}
	})
	return found
}

func parentOrDocument(path string) string {
	if p := parent(path); p != "" {
		return p
	}
	return "the top of the document"
}

// walkType visits every key of t in the order of the document; list elements are visited as path[].
func walkType(t reflect.Type, path string, visit func(path string, f field, t reflect.Type)) {
	for _, f := range fieldsOf(t) {
		ft, p := t.Field(f.index).Type, join(path, f.name)
		visit(p, f, ft)
		if ft.Kind() == reflect.Slice {
			ft, p = ft.Elem(), p+"[]"
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if !isLeaf(ft) && ft.Kind() == reflect.Struct {
			walkType(ft, p, visit)
		}
	}
}

// shorten keeps a wrong key from filling the screen or showing a secret.
func shorten(key string) string {
	if looksSecret(key) {
		return "(not shown)"
	}
	key = strings.Map(func(r rune) rune {
		if r < 0x20 {
			return ' '
		}
		return r
	}, key)
	if runes := []rune(key); len(runes) > 40 {
		return string(runes[:39]) + "…"
	}
	return key
}
