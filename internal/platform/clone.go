package platform

import "reflect"

// Clone returns a copy that shares nothing with p.
func (p *Platform) Clone() *Platform {
	q := &Platform{}
	copyInto(reflect.ValueOf(q).Elem(), reflect.ValueOf(p).Elem())
	return q
}

func copyInto(dst, src reflect.Value) {
	if isLeaf(src.Type()) {
		dst.Set(src)
		return
	}
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			copyInto(dst.Elem(), src.Elem())
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				copyInto(dst.Index(i), src.Index(i))
			}
		}
	default:
		for i := range src.NumField() {
			copyInto(dst.Field(i), src.Field(i))
		}
	}
}
