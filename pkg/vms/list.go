package vms

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// VM is a VM as lists show it, of whoever.
type VM struct {
	ID       int    `json:"id"`
	Name     string `json:"name"`
	Node     string `json:"node"`
	Type     string `json:"type"`   // qemu or lxc
	Status   string `json:"status"` // running, stopped
	Lock     string `json:"lock,omitempty"`
	Tags     []string
	Memory   int64 `json:"memory"` // bytes
	Cores    int   `json:"cores"`
	Uptime   int64 `json:"uptime"` // seconds
	Template bool  `json:"template,omitempty"`
	// Ours: it has our tag, and there is a record of its name and number. Whether it is
	// the one that was made is looked at before each change.
	Ours bool `json:"ours"`
}

func (v VM) String() string {
	if v.Name == "" {
		return fmt.Sprintf("%s %d on %s", kinds[v.Type], v.ID, v.Node)
	}
	return fmt.Sprintf("%s %d (%s) on %s", kinds[v.Type], v.ID, v.Name, v.Node)
}

var kinds = map[string]string{"qemu": "VM", "lxc": "container"}

type listed struct {
	VMID     rest.Int `json:"vmid"`
	Name     string   `json:"name"`
	Node     string   `json:"node"`
	Type     string   `json:"type"`
	Status   string   `json:"status"`
	Lock     string   `json:"lock"`
	Tags     string   `json:"tags"`
	MaxMem   rest.Int `json:"maxmem"`
	MaxCPU   rest.Int `json:"maxcpu"`
	CPUs     rest.Int `json:"cpus"`
	Uptime   rest.Int `json:"uptime"`
	Template rest.Int `json:"template"`
}

// List returns the VMs and containers of the cluster that the token may see, by
// number.
func (d *Driver) List(ctx context.Context) ([]VM, error) {
	var cluster, node []listed
	if err := d.api.get(ctx, "/cluster/resources?type=vm", &cluster); err != nil {
		return nil, tried(err, "list the VMs")
	}
	// What the cluster says of names and states is some seconds old; the node knows.
	if err := d.api.get(ctx, d.api.nodePath("/qemu"), &node); err != nil {
		return nil, tried(err, "list the VMs")
	}
	byID := map[int]listed{}
	for _, v := range cluster {
		v.CPUs = v.MaxCPU
		byID[int(v.VMID)] = v
	}
	for _, v := range node {
		v.Node, v.Type = d.o.Node, "qemu"
		byID[int(v.VMID)] = v
	}
	all := make([]VM, 0, len(byID))
	for _, v := range byID {
		shown, err := d.show(v)
		if err != nil {
			return nil, tried(err, "list the VMs")
		}
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b VM) int { return a.ID - b.ID })
	return all, nil
}

func (d *Driver) show(v listed) (VM, error) {
	tags := strings.FieldsFunc(v.Tags, func(r rune) bool { return strings.ContainsRune(";, ", r) })
	var rec Record
	there := false
	if v.Name != "" { // one that is half made has none yet
		var err error
		if rec, there, err = d.record(v.Name); err != nil {
			return VM{}, err
		}
	}
	return VM{ID: int(v.VMID), Name: v.Name, Node: v.Node, Type: v.Type, Status: v.Status, Lock: v.Lock, Tags: tags, Memory: int64(v.MaxMem),
		Cores: int(v.CPUs), Uptime: int64(v.Uptime), Template: v.Template == 1,
		Ours: there && rec.ID == int(v.VMID) && slices.Contains(tags, d.o.Tag)}, nil
}

// free tells whether nothing in the cluster has a number. Lists leave out what the
// token may not see; this does not.
func (d *Driver) free(ctx context.Context, id int) (bool, error) {
	var got rest.Int // a number that came as a text goes back as one, or not
	err := d.api.get(ctx, "/cluster/nextid?"+url.Values{"vmid": {strconv.Itoa(id)}}.Encode(), &got)
	if Is(err, KindTaken) {
		return false, nil
	}
	return err == nil, err
}

// other is the VM with the number, for messages.
func (d *Driver) other(ctx context.Context, id int) string {
	all, err := d.List(ctx)
	if err == nil {
		for _, v := range all {
			if v.ID == id {
				return v.String()
			}
		}
	}
	return fmt.Sprintf("a VM %d that the token may not see", id)
}
