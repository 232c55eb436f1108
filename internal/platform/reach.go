package platform

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// reach returns the settable value at path below v and makes what is on the way.
func reach(v reflect.Value, path string) (reflect.Value, error) {
	for _, key := range strings.Split(path, ".") {
		name, indexes, _ := strings.Cut(key, "[")
		var err error
		if v, err = reachField(v, name); err != nil {
			return v, err
		}
		if indexes != "" {
			if v, err = reachElement(v, strings.TrimSuffix(indexes, "]")); err != nil {
				return v, err
			}
		}
	}
	return v, nil
}

func reachField(v reflect.Value, name string) (reflect.Value, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	if isLeaf(v.Type()) || v.Kind() != reflect.Struct {
		return v, fmt.Errorf("there is no key %s below a single value or a list", strconv.Quote(shorten(name)))
	}
	for _, f := range fieldsOf(v.Type()) {
		if f.name == name {
			return v.Field(f.index), nil
		}
	}
	return v, fmt.Errorf("there is no key %s; allowed: %s", strconv.Quote(shorten(name)), keysOf(v.Type()))
}

func reachElement(v reflect.Value, index string) (reflect.Value, error) {
	i, err := strconv.Atoi(index)
	switch {
	case v.Kind() != reflect.Slice:
		return v, errors.New("it is no list")
	case err != nil || i < 0 || i > v.Len():
		return v, fmt.Errorf("the list has %d elements; allowed: an index from 0 to %d", v.Len(), v.Len())
	case i == v.Len():
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	}
	return v.Index(i), nil
}
