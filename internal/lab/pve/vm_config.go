package pve

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// change is what a call wants of a configuration.
type change struct {
	set    map[string]string
	drop   []string
	revert []string
	force  bool
	digest string
	skip   bool // ignore the configuration's lock
}

func (s *Server) configSync(r *request) (any, error) {
	c, err := s.readChange(r)
	if err != nil {
		return nil, err
	}
	return nil, r.now("config", func(j *job) error { return j.change(r, c) })
}

func (s *Server) configAsync(r *request) (any, error) {
	c, err := s.readChange(r)
	if err != nil {
		return nil, err
	}
	return r.start("qmconfig", strconv.Itoa(r.vmid()), func(j *job) error { return j.change(r, c) })
}

// readChange checks everything that Proxmox checks before it takes the lock.
func (s *Server) readChange(r *request) (change, error) {
	c := change{
		set: options(r.p), drop: schema.List(r.text("delete")), revert: schema.List(r.text("revert")),
		force: r.bool("force", false), digest: r.text("digest"), skip: r.bool("skiplock", false),
	}
	if err := r.rootOnly("skiplock"); err != nil {
		return c, err
	}
	if len(c.set)+len(c.drop)+len(c.revert) == 0 {
		return c, die("no options specified")
	}
	if err := c.conflicts(); err != nil {
		return c, err
	}
	names := slices.Concat(slices.Sorted(maps.Keys(c.set)), c.drop, c.revert)
	for _, check := range []func() error{
		func() error { return checkDrives(c.set) },
		func() error { return s.mayConfigure(r.user, r.vmid(), "", names) },
		func() error { return s.mayStorage(r, r.vmid(), c.set, "") },
		func() error { return s.mayBridges(r.user, c.set) },
		func() error { return s.mayDevices(r.user, r.vmid(), "", c.set) },
	} {
		if err := check(); err != nil {
			return c, err
		}
	}
	v, err := r.vm()
	if err != nil {
		return c, err
	}
	return c, s.early(r, v, c)
}

func (c change) conflicts() error {
	for _, opt := range c.revert {
		if _, ok := schema.Config.Lookup(opt); !ok {
			return wrongParam("revert", "unknown option '%s'", opt)
		}
	}
	for _, opt := range c.drop {
		switch _, both := c.set[opt]; {
		case both:
			return wrongParam("delete", "you can't use '-%s' and -delete %s' at the same time", opt, opt)
		case slices.Contains(c.revert, opt):
			return wrongParam("revert", "you can't use '-delete %s' and -revert %s' at the same time", opt, opt)
		}
		if _, ok := schema.Config.Lookup(opt); !ok {
			return wrongParam("delete", "unknown option '%s'", opt)
		}
	}
	return nil
}

// early are the checks of the configuration, made before the lock and again under it.
func (s *Server) early(r *request, v *vm, c change) error {
	if c.digest != "" && c.digest != v.digest() {
		return die("checksum mismatch (file change by other user?)")
	}
	if !c.skip {
		if err := v.unlocked(); err != nil {
			return err
		}
	}
	for _, opt := range c.drop {
		if isDrive(opt) || strings.HasPrefix(opt, "unused") {
			if v.Config["protection"] == "1" {
				return die("can't remove drive '%s' - protection mode enabled", opt)
			}
		}
		if isDrive(opt) && v.Config[opt] != "" {
			if err := s.mayDrive(r.user, v.ID, mustDrive(opt, v.Config[opt])); err != nil {
				return err
			}
		}
	}
	for _, opt := range drives(c.set) {
		for _, text := range []string{v.Config[opt], c.set[opt]} {
			if text == "" {
				continue
			}
			if err := s.mayDrive(r.user, v.ID, mustDrive(opt, text)); err != nil {
				return err
			}
		}
	}
	merged := maps.Clone(v.Config)
	maps.Copy(merged, v.Pending)
	maps.Copy(merged, c.set)
	if err := checkBalloon(merged); err != nil {
		return err
	}
	return checkBoot(c, merged)
}

func checkBoot(c change, merged map[string]string) error {
	order, ok := strings.CutPrefix(c.set["boot"], "order=")
	if !ok {
		return nil
	}
	for _, dev := range schema.List(order) {
		if merged[dev] == "" || slices.Contains(c.drop, dev) {
			return die("invalid bootorder: device '%s' does not exist'", dev)
		}
	}
	return nil
}

// change makes the disks and then changes the configuration: at once what can be changed now, the rest waits for
// the next start. Proxmox notes one option after the other, in no order, before anything of it is done: what had
// been noted when it fails waits for the next start too. Here that is everything but the disk that failed.
func (j *job) change(r *request, c change) error {
	vmid := r.vmid()
	if err := j.lockVM(vmid); err != nil {
		return err
	}
	var v *vm
	err := j.with(func() (err error) {
		if v, err = j.s.config(vmid); err != nil {
			return err
		}
		return j.s.early(r, v, c)
	})
	if err != nil {
		return err
	}
	j.logf("update VM %d: %s", vmid, strings.Join(slices.Sorted(maps.Keys(c.set)), " "))
	failed := j.makeEach(vmid, c)
	if failed == nil {
		failed = j.step("configure", 0)
	}
	if failed != nil {
		_ = j.with(func() error { v.note(c, j.s); return nil })
		return failed
	}
	var replug []string
	err = j.with(func() (err error) {
		replug, err = v.apply(c, j.s)
		return err
	})
	if err != nil {
		return err
	}
	return j.replug(v, replug)
}

// makeEach makes the disks of a change, each by itself, and puts what was made in place of what was asked for. The one
// that fails leaves nothing, and neither it nor those after it are changed.
func (j *job) makeEach(vmid int, c change) (failed error) {
	for _, opt := range drives(c.set) {
		var made []string
		disk := map[string]string(nil)
		if failed == nil {
			disk, failed = j.makeDisks(vmid, map[string]string{opt: c.set[opt]}, "", &made)
		}
		if failed != nil {
			j.drop(made)
			delete(c.set, opt)
			continue
		}
		c.set[opt] = disk[opt]
	}
	return failed
}
