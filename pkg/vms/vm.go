package vms

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// vm is a VM as Proxmox has it.
type vm struct {
	id      int
	now     map[string]string // the settings in effect
	next    map[string]string // those after the next boot
	stale   map[string]bool   // settings that the cloud-init drive has in an older version
	digest  string
	running bool
	pid     int // of QEMU while it runs
	status  string
}

// settings are options as a JSON object has them: texts and numbers.
type settings map[string]string

// UnmarshalJSON keeps numbers as they are written.
func (s *settings) UnmarshalJSON(raw []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	*s = settings{}
	for name, value := range all {
		(*s)[name] = plainText(value)
	}
	return nil
}

func plainText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func (d *Driver) vmPath(id int, path string) string { return fmt.Sprintf("/qemu/%d%s", id, path) }

// config reads the settings that a VM has after its next boot, with their digest.
func (d *Driver) config(ctx context.Context, id int) (settings, error) {
	var s settings
	err := d.api.get(ctx, d.api.nodePath(d.vmPath(id, "/config")), &s)
	if Is(err, KindGone) {
		err = d.elsewhere(ctx, id, err)
	}
	return s, err
}

// elsewhere is the error for a number of which the node has no VM: a VM on another node may be ours, and is
// not touched; a container is not, and ours is gone.
func (d *Driver) elsewhere(ctx context.Context, id int, gone error) error {
	all, err := d.List(ctx)
	if err != nil {
		return err
	}
	for _, v := range all {
		switch {
		case v.ID != id:
		case v.Type == "qemu" && v.Node != d.o.Node:
			return fail(KindNotOurs, gone, "migrate it back: in Proxmox, Migrate; or declare another number", "%s is not on %s, whose VMs are kept here", v, d.o.Node)
		case v.Type != "qemu":
			return fail(KindGone, gone, "declare another number", "the number %d is taken by %s", id, v)
		}
	}
	return gone
}

// read reads a VM. The settings come first: a change made between the requests does
// not have their digest, and a write with it is refused.
func (d *Driver) read(ctx context.Context, id int) (*vm, error) {
	next, err := d.config(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &vm{id: id, next: next, now: map[string]string{}, stale: map[string]bool{}, digest: next["digest"]}
	var pending []pendingOption
	if err := d.api.get(ctx, d.api.nodePath(d.vmPath(id, "/pending")), &pending); err != nil {
		return nil, err
	}
	for _, opt := range pending {
		if opt.Value != nil {
			v.now[opt.Key] = plainText(opt.Value)
		}
	}
	var status struct {
		Status string   `json:"status"`
		PID    rest.Int `json:"pid"`
	}
	if err := d.api.get(ctx, d.api.nodePath(d.vmPath(id, "/status/current")), &status); err != nil {
		return nil, err
	}
	v.status, v.running, v.pid = status.Status, status.Status == "running", int(status.PID)
	return v, d.readStale(ctx, v)
}

type pendingOption struct {
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Pending json.RawMessage `json:"pending"`
	Delete  rest.Int        `json:"delete"`
}

// readStale looks at what the cloud-init drive has in an older version. Only a guest
// that runs can have read it. Proxmox does not tell of an address, a name or a card
// that became another one: Record.Unread knows those that we have changed.
func (d *Driver) readStale(ctx context.Context, v *vm) error {
	if !v.running || !v.hasCloudInit() {
		return nil
	}
	var all []pendingOption
	if err := d.api.get(ctx, d.api.nodePath(d.vmPath(v.id, "/cloudinit")), &all); err != nil {
		return err
	}
	for _, opt := range all {
		v.stale[opt.Key] = opt.Pending != nil || opt.Delete != 0
	}
	return nil
}

func (v *vm) hasCloudInit() bool {
	for name, value := range v.now {
		if diskSlot.MatchString(name) && strings.Contains(value, "cloudinit") {
			return true
		}
	}
	return false
}

// all are the settings of now and next together.
func (v *vm) all() map[string]string {
	all := maps.Clone(v.now)
	maps.Copy(all, v.next)
	return all
}

// uuidOf is the UUID in a VM's SMBIOS, lower case.
func uuidOf(config map[string]string) string {
	return strings.ToLower(parseProps(config["smbios1"], "")["uuid"])
}
