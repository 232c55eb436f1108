package platform

import (
	"fmt"
	"reflect"
)

// Validate checks a platform that did not come from Parse: every value, what is
// required and every contradiction. The error is a *problem.Error with the code
// InvalidPlatform and no places. What is not set counts as the default.
func (p *Platform) Validate() error {
	full := p.WithDefaults()
	d := newDecoder()
	d.check(reflect.ValueOf(full).Elem(), "")
	r := &report{spots: d.spots, at: d.at}
	list := d.faults.list
	for _, f := range full.contradictions() {
		if !d.anyBroken(f) {
			list = append(list, f)
		}
	}
	return r.problem(list)
}

// check holds every leaf that is set against its rule.
func (d *decoder) check(v reflect.Value, path string) {
	if isLeaf(v.Type()) {
		if message, r := wrongLeaf(v); message != "" {
			d.refuse(path, spot{}, message, r.allowed)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			d.check(v.Elem(), path)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			d.refuse(path, spot{}, "is an empty list", allowedFor(v.Type()))
		}
		for i := range v.Len() {
			d.check(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		d.checkFields(v, path)
	}
}

func (d *decoder) checkFields(v reflect.Value, path string) {
	for _, f := range fieldsOf(v.Type()) {
		fv, p := v.Field(f.index), join(path, f.name)
		switch {
		case f.required && fv.IsZero():
			d.refuse(p, spot{}, "is missing, and the plan cannot know it", allowedFor(fv.Type()))
		case f.optional && fv.IsZero():
		default:
			d.check(fv, p)
		}
	}
}

// contradictions lists what is wrong between values that are right by themselves.
func (p *Platform) contradictions() []*fault {
	f, s := &faults{}, &p.Spec
	s.Host.check(f)
	s.Network.check(f)
	s.DNS.check(f)
	s.VMs.check(&s.Host, &s.Network, f)
	s.Talos.check(&s.Network, f)
	s.Storage.check(&s.Host, &s.Network, f)
	s.Teleport.check(f)
	s.Secrets.check(f)
	s.GitOps.check(f)
	s.Components.check(f)
	s.Apps.check(&s.DNS, &s.Storage, f)
	s.Lockdown.check(f)
	s.Waddled.check(&s.Host, &s.Storage, f)
	return f.list
}
