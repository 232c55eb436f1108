package pve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// apply puts a change into the configuration. It returns the cards that have to be connected anew.
func (v *vm) apply(c change, s *Server) ([]string, error) {
	v.note(c, s)
	var replug []string
	for _, opt := range slices.Sorted(maps.Keys(v.Dropped)) {
		if v.Run == nil || v.live(opt, "") {
			if netName.MatchString(opt) {
				replug = append(replug, opt)
			}
			if err := v.remove(opt, c.force, s); err != nil {
				return replug, wrongParam(opt, "%s", err)
			}
		}
	}
	for _, opt := range slices.Sorted(maps.Keys(v.Pending)) {
		if v.Run == nil || v.live(opt, v.Pending[opt]) {
			if netName.MatchString(opt) {
				replug = append(replug, opt)
			}
			v.replace(opt, v.Pending[opt], s)
			delete(v.Pending, opt)
		}
	}
	if v.Run == nil {
		v.regenerate()
	}
	return replug, nil
}

// note writes down what a change wants, before anything of it is done.
func (v *vm) note(c change, s *Server) {
	for _, opt := range c.revert {
		delete(v.Pending, opt)
		delete(v.Dropped, opt)
	}
	// A disk that was noted before, and never plugged in, is kept as one that nothing uses.
	replaced := func(opt, by string) {
		if was := v.Pending[opt]; isDrive(opt) && was != "" && by != was {
			v.unused(mustDrive(opt, was), s)
		}
	}
	for _, opt := range c.drop {
		replaced(opt, "")
		delete(v.Pending, opt)
		if v.Config[opt] != "" {
			v.Dropped[opt] = true
		}
		v.unorder(opt)
	}
	for opt, value := range c.set {
		delete(v.Dropped, opt)
		replaced(opt, value)
		if value = normal(opt, value); value != v.Config[opt] {
			v.Pending[opt] = value
		} else {
			delete(v.Pending, opt)
		}
	}
}

// unorder takes a device out of the boot order.
func (v *vm) unorder(opt string) {
	order, ok := strings.CutPrefix(v.Config["boot"], "order=")
	if !ok || !slices.Contains(schema.List(order), opt) {
		return
	}
	rest := slices.DeleteFunc(schema.List(order), func(s string) bool { return s == opt })
	v.Pending["boot"] = "order=" + strings.Join(rest, ";")
}

// remove takes an option out. A disk stays as unusedN unless it is removed by force; what was
// unused is freed.
func (v *vm) remove(opt string, force bool, s *Server) error {
	value := v.Config[opt]
	delete(v.Config, opt)
	delete(v.Dropped, opt)
	if strings.HasPrefix(opt, "unused") {
		return s.freeVolume(value)
	}
	if isDrive(opt) {
		d := mustDrive(opt, value)
		if force || d.cloudinit() {
			return s.freeVolume(d["file"])
		}
		v.unused(d, s)
	}
	return nil
}

// unused keeps a volume that no drive names any more.
func (v *vm) unused(d drive, s *Server) {
	if !d.disk() || s.st.Volumes[d["file"]] == nil {
		return
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("unused%d", n)
		if v.Config[name] == "" {
			v.Config[name] = d["file"]
			return
		}
	}
}

// replace sets an option; a disk that had been there becomes unused when it is another one.
func (v *vm) replace(opt, value string, s *Server) {
	had := v.Config[opt]
	v.Config[opt] = value
	if !isDrive(opt) {
		return
	}
	file := mustDrive(opt, value)["file"]
	maps.DeleteFunc(v.Config, func(k, val string) bool { return strings.HasPrefix(k, "unused") && val == file })
	if had != "" && mustDrive(opt, had)["file"] != file {
		v.unused(mustDrive(opt, had), s)
	}
}
