package vms

import (
	"context"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Records is where the driver keeps what it has made. It has to outlive the
// process: a record is written before the VM is made. Errors stop what is done.
type Records interface {
	Get(name string) (Record, bool, error)
	Put(Record) error
	Delete(name string) error
}

// Options is what a Driver works with. API, Node and Records are required.
type Options struct {
	API     *rest.Client
	Node    string // the node's name
	Records Records
	// Tag marks the VMs that are ours, default "waddle".
	Tag string
	// Unlock removes the lock of a VM's configuration as root. Default: qm unlock.
	// It is called for what a killed create or delete of ours left, after the
	// record and the list of tasks have shown that it is ours.
	Unlock func(ctx context.Context, id int) error
	// HasBridge tells whether the host has a bridge. Without it a missing bridge is
	// found when the VM is started.
	HasBridge func(name string) (bool, error)
	// Seam is called with an operation name before each change; an error stops there.
	Seam func(op string) error
	// Poll is the longest pause between two looks at a guest, default 1 s.
	Poll time.Duration
	// HA is how long Proxmox's HA manager may take to do what it was asked for, default 5 min.
	HA time.Duration
	// Retry is the pause before a read is repeated, default 500 ms; it doubles.
	Retry time.Duration
}

// Driver knows the VMs of one node. It is safe for several goroutines: changes of
// one VM run one after the other, changes of different ones at the same time.
type Driver struct {
	o        Options
	api      *api
	locks    *locks
	progress func(Event)
}

// New returns a driver. It touches and reads nothing yet. It fails only when
// something required is missing.
func New(o Options) (*Driver, error) {
	switch {
	case o.Node == "":
		return nil, fail(KindInvalid, nil, "name the node", "cannot drive Proxmox: no node was named")
	case o.API == nil:
		return nil, fail(KindInvalid, nil, "give the driver a client", "cannot drive Proxmox on %s: there is no client of its API", o.Node)
	case o.Records == nil:
		return nil, fail(KindInvalid, nil, "give the driver a place for its records", "cannot drive Proxmox on %s: there are no records", o.Node)
	}
	o = o.withDefaults()
	return &Driver{o: o, api: &api{node: o.Node, retry: o.Retry, client: o.API}, locks: newLocks(), progress: func(Event) {}}, nil
}

func (o Options) withDefaults() Options {
	or(&o.Tag, "waddle")
	or(&o.Poll, time.Second)
	or(&o.HA, 5*time.Minute)
	or(&o.Retry, 500*time.Millisecond)
	if o.Unlock == nil {
		o.Unlock = qmUnlock(qm)
	}
	if o.HasBridge == nil {
		o.HasBridge = func(string) (bool, error) { return true, nil }
	}
	if o.Seam == nil {
		o.Seam = func(string) error { return nil }
	}
	return o
}

func or[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}

// Event is how far a task has come.
type Event struct {
	VM      string   // the VM's name
	Op      string   // the operation: create, resize, start …
	UPID    string   // Proxmox's name of the task
	Percent float64  // the last percentage that the task's log names; 0 when it names none
	Lines   []string // what the log says since the last event
}

// WithProgress returns the same driver, which reports the tasks that it waits for
// to f. f may be called from several goroutines.
func (d *Driver) WithProgress(f func(Event)) *Driver {
	with := *d
	with.progress = f
	return &with
}

// op announces a change to the seam.
func (d *Driver) op(name string) error { return d.o.Seam("vms:" + name) }
