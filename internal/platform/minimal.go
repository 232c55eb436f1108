package platform

import "reflect"

// Minimal returns p without everything that WithDefaults would give back: the
// shortest platform with Minimal(p).WithDefaults() equal to p.WithDefaults().
// What waddle init writes is Marshal of it.
func Minimal(p *Platform) *Platform {
	m := &minimizer{want: p.WithDefaults()}
	m.have = m.want.Clone()
	m.fields(reflect.ValueOf(m.have).Elem())
	return m.have
}

// minimizer takes one value after the other away and looks whether the defaults
// bring it back. So it needs to know nothing of how defaults derive from each other.
type minimizer struct{ want, have *Platform }

func (m *minimizer) fields(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		if !f.required || v.Field(f.index).Kind() == reflect.Slice {
			m.value(v.Field(f.index), f.required)
		}
	}
}

func (m *minimizer) value(v reflect.Value, required bool) {
	if v.IsZero() || !required && m.spare(v) {
		return
	}
	if isLeaf(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		m.value(v.Elem(), true)
	case reflect.Slice:
		for i := range v.Len() {
			m.value(v.Index(i), true)
		}
	default:
		m.fields(v)
	}
}

// spare empties v when the defaults bring it back.
func (m *minimizer) spare(v reflect.Value) bool {
	kept := reflect.New(v.Type()).Elem()
	kept.Set(v)
	v.SetZero()
	if reflect.DeepEqual(m.have.WithDefaults(), m.want) {
		return true
	}
	v.Set(kept)
	return false
}
