package vms

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

const graceDefault = time.Minute // for a guest's own shutdown

// Start starts a VM of ours. One that runs is no error.
func (d *Driver) Start(ctx context.Context, name string) error {
	return d.withOurs(ctx, name, "start", d.start)
}

// Shutdown asks the guest to shut down and gives it as long as grace. Without an
// answer it is stopped when force is set; else that is an error of the kind state.
func (d *Driver) Shutdown(ctx context.Context, name string, grace time.Duration, force bool) error {
	return d.withOurs(ctx, name, "shut down", func(ctx context.Context, rec Record) error { return d.shutdown(ctx, rec, grace, force) })
}

// Stop cuts the power. A VM that is off is no error.
func (d *Driver) Stop(ctx context.Context, name string) error {
	return d.withOurs(ctx, name, "stop", d.stop)
}

// Reboot shuts the guest down, and stops it when it has not after grace, and starts
// it again: what waits for a boot becomes true.
func (d *Driver) Reboot(ctx context.Context, name string, grace time.Duration) error {
	return d.withOurs(ctx, name, "reboot", func(ctx context.Context, rec Record) error { return d.reboot(ctx, rec, grace) })
}

// withOurs does something with a VM that is there and ours, alone.
func (d *Driver) withOurs(ctx context.Context, name, what string, do func(context.Context, Record) error) error {
	release, err := d.locks.vm(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	rec, _, err := d.existing(ctx, name)
	if err == nil {
		err = do(ctx, rec)
	}
	return tried(err, "%s VM %s", what, name)
}

// status is the state of a VM: running, stopped, paused; and whether Proxmox's HA manager runs it.
func (d *Driver) status(ctx context.Context, id int) (state string, managed bool, err error) {
	var s struct {
		Status string `json:"status"`
		QMP    string `json:"qmpstatus"`
		HA     struct {
			Managed rest.Int `json:"managed"`
		} `json:"ha"`
	}
	if err := d.api.get(ctx, d.api.nodePath(d.vmPath(id, "/status/current")), &s); err != nil {
		return "", false, err
	}
	if s.Status == "running" && s.QMP == "paused" {
		s.Status = "paused"
	}
	return s.Status, s.HA.Managed != 0, nil
}

// askedHA are the tasks in which the HA manager is asked, in place of Proxmox's own.
var askedHA = map[string]string{"start": "hastart", "stop": "hastop", "shutdown": "hastop"}

func (d *Driver) power(ctx context.Context, rec Record, what, kind string, body map[string]any) error {
	return d.runBusy(ctx, write{
		op: what, kind: kind, method: http.MethodPost, path: d.vmPath(rec.ID, "/status/"+what), body: body,
		name: rec.Name, id: rec.ID, check: d.checked(rec),
	})
}

// to does a power task unless the VM is in the state that it leads to, before or
// after: somebody may have been faster.
func (d *Driver) to(ctx context.Context, rec Record, state, what string, body map[string]any) error {
	is, managed, err := d.status(ctx, rec.ID)
	if err != nil || is == state {
		return err
	}
	kind := "qm" + what
	if managed {
		kind = askedHA[what]
	}
	err = d.power(ctx, rec, what, kind, body)
	if err == nil && managed {
		return d.awaitHA(ctx, rec, state)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	if is, _, lookErr := d.status(ctx, rec.ID); lookErr == nil && is == state {
		return nil
	}
	return err
}

// awaitHA waits until the HA manager has done what it was asked for: the task says only that it was asked. Its
// own word for a VM that it cannot bring there is in its status alone.
func (d *Driver) awaitHA(ctx context.Context, rec Record, state string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.o.HA, fail(KindState, nil, "look at what the HA manager says, on the node: ha-manager status",
		"the HA manager runs VM %d, was asked, and has not brought it to %s within %s", rec.ID, state, d.o.HA))
	defer cancel()
	for {
		is, _, err := d.status(ctx, rec.ID)
		if err == nil && is == state {
			return nil
		}
		if err == nil {
			err = sleep(ctx, d.o.Poll)
		}
		if late, is := context.Cause(ctx).(*Error); is {
			return late
		}
		if err != nil {
			return err
		}
	}
}

func (d *Driver) start(ctx context.Context, rec Record) error {
	return d.to(ctx, rec, "running", "start", map[string]any{})
}

func (d *Driver) stop(ctx context.Context, rec Record) error {
	return d.to(ctx, rec, "stopped", "stop", map[string]any{})
}

func (d *Driver) shutdown(ctx context.Context, rec Record, grace time.Duration, force bool) error {
	is, _, err := d.status(ctx, rec.ID)
	if err != nil {
		return err
	}
	if is == "paused" && force { // a paused guest cannot shut itself down
		return d.stop(ctx, rec)
	}
	seconds := max(1, int(grace.Seconds()))
	err = d.to(ctx, rec, "stopped", "shutdown", map[string]any{"timeout": seconds, "forceStop": bit(force)})
	var e *Error
	if errors.As(err, &e) && strings.Contains(e.Detail, "powerdown failed") {
		return &Error{Kind: KindState, Err: err, Detail: "the guest did not shut down within " + grace.String(), Hint: "stop it: waddle vm stop"}
	}
	return err
}

// powerOff ends a guest that runs.
func (d *Driver) powerOff(ctx context.Context, rec Record, grace time.Duration) error {
	if grace <= 0 {
		return d.stop(ctx, rec)
	}
	return d.shutdown(ctx, rec, grace, true)
}

// reboot is a shutdown and a start: Proxmox's own reboot gives up on a guest that
// does not listen.
func (d *Driver) reboot(ctx context.Context, rec Record, grace time.Duration) error {
	if err := d.powerOff(ctx, rec, grace); err != nil {
		return err
	}
	return d.start(ctx, rec)
}
