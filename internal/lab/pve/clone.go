package pve

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// cloneCall is what a clone was asked for.
type cloneCall struct {
	newid                           int
	full                            bool
	store, format, name, desc, pool string
}

func (s *Server) clone(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	c := cloneCall{newid: r.p.Int("newid", 0), full: r.bool("full", !v.template()), store: r.text("storage"), format: r.text("format"),
		name: r.text("name"), desc: r.text("description"), pool: r.text("pool")}
	config, err := s.cloneable(r, v, c)
	if err != nil {
		return nil, err
	}
	return r.start("qmclone", strconv.Itoa(v.ID), func(j *job) error {
		if err := j.clone(v, c, config); err != nil {
			return fmt.Errorf("clone failed: %w", err)
		}
		return nil
	})
}

// cloneable checks a clone before anything is made, and returns the configuration to clone.
func (s *Server) cloneable(r *request, v *vm, c cloneCall) (map[string]string, error) {
	if t := r.text("target"); t != "" && t != s.o.Node {
		return nil, die("no such cluster node '%s'", t)
	}
	if c.pool != "" && s.st.Pools[c.pool] == nil {
		return nil, forbidden("pool '" + c.pool + "' does not exist")
	}
	if c.store != "" {
		st, err := s.storage(c.store)
		if err != nil {
			return nil, err
		}
		if !st.has("images") {
			return nil, wrongParam("storage", "storage '%s' does not support vm images", c.store)
		}
	}
	if err := v.unlocked(); err != nil {
		return nil, err
	}
	config := maps.Clone(v.Config)
	if name := r.text("snapname"); name != "" {
		sn := v.Snapshots[name]
		if sn == nil {
			return nil, die("snapshot '%s' does not exist", name)
		}
		config = maps.Clone(sn.Config)
	}
	switch {
	case c.store != "" && !c.full:
		return nil, die("parameter 'storage' not allowed for linked clones")
	case c.format != "" && !c.full:
		return nil, die("parameter 'format' not allowed for linked clones")
	case s.inUse(c.newid) != nil:
		return nil, die("unable to create VM %d: config file already exists", c.newid)
	}
	if err := s.mayBridges(r.user, config); err != nil {
		return nil, err
	}
	return config, s.mayClone(r, c, config)
}

func (s *Server) mayClone(r *request, c cloneCall, config map[string]string) error {
	for _, opt := range drives(config) {
		d := mustDrive(opt, config[opt])
		if !d.disk() && !d.cloudinit() {
			continue
		}
		vol := s.st.Volumes[d["file"]]
		if vol == nil {
			return die("volume '%s' does not exist", d["file"])
		}
		if err := s.need(r.user, "/storage/"+or(c.store, vol.Store), "Datastore.AllocateSpace"); err != nil {
			return err
		}
		if !c.full && !d.cloudinit() && !s.canLink(vol) {
			return die("Linked clone feature is not supported for '%s' (%s)", vol.ID, opt)
		}
	}
	return nil
}

// clone makes the new VM's configuration with the lock "clone", then its disks. On failure both go.
func (j *job) clone(v *vm, c cloneCall, config map[string]string) error {
	twin := newVM(c.newid)
	twin.Config["lock"] = "clone"
	err := j.with(func() error {
		if j.s.inUse(c.newid) != nil {
			return fmt.Errorf("unable to create VM %d: config file already exists", c.newid)
		}
		j.s.st.VMs[c.newid] = twin
		if p := j.s.st.Pools[c.pool]; p != nil {
			p.VMs[c.newid] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var made []string
	disks, err := j.cloneDisks(c, config, &made)
	if err == nil {
		err = j.step("configure", 0)
	}
	if err != nil {
		j.drop(made)
		j.forget(c.newid)
		return err
	}
	return j.with(func() error {
		delete(twin.Config, "lock")
		for opt, value := range config {
			twin.Config[opt] = cloned(opt, value)
		}
		maps.Copy(twin.Config, disks)
		twin.personal(v, c)
		twin.regenerate()
		return nil
	})
}

// cloned: a clone's cards have MACs of their own.
func cloned(opt, value string) string {
	if n, err := schema.Net.Parse(opt, value); err == nil && netName.MatchString(opt) {
		n["macaddr"] = randomMAC()
		return schema.Net.Print(n)
	}
	return value
}

func (v *vm) personal(from *vm, c cloneCall) {
	for opt := range v.Config {
		if strings.HasPrefix(opt, "unused") {
			delete(v.Config, opt)
		}
	}
	delete(v.Config, "template")
	delete(v.Config, "lock")
	parts, _ := namedSMBIOS(v.Config["smbios1"])
	v.Config["smbios1"] = strings.TrimSuffix("uuid="+uuid.NewString()+","+parts, ",")
	if v.Config["vmgenid"] != "" {
		v.Config["vmgenid"] = uuid.NewString()
	}
	v.Config["name"] = or(c.name, "Copy-of-VM-"+or(from.Config["name"], strconv.Itoa(from.ID)))
	if c.desc != "" {
		v.Config["description"] = c.desc
	}
}

// namedSMBIOS takes the UUID out of a smbios1 option.
func namedSMBIOS(text string) (rest, uuid string) {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if id, ok := strings.CutPrefix(part, "uuid="); ok {
			uuid = id
		} else if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ","), uuid
}
