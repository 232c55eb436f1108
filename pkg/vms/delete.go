package vms

import (
	"context"
	"net/http"
	"time"
)

// Delete takes a VM of ours away with all its disks, also those that its settings do
// not name any more. A guest that runs gets as long as grace to shut down, and is
// stopped then; with 0 it is stopped at once. A VM that is gone already is no error;
// one that is not the one we made is, and stays. One that Proxmox would refuse to
// delete is left running, and a delete that Proxmox failed is given up: nothing but
// another Delete takes the VM away then.
func (d *Driver) Delete(ctx context.Context, name string, grace time.Duration) error {
	release, err := d.locks.vm(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	return tried(d.remove(ctx, name, grace), "delete VM %s", name)
}

func (d *Driver) remove(ctx context.Context, name string, grace time.Duration) error {
	rec, there, err := d.record(name)
	if err != nil {
		return err
	}
	if !there {
		if err := d.stranger(ctx, name); !Is(err, KindGone) {
			return err
		}
		return nil
	}
	if err := d.pending(ctx, name, rec.ID); err != nil {
		return err
	}
	free, err := d.free(ctx, rec.ID)
	if err != nil {
		return err
	}
	if free {
		return d.drop(name)
	}
	config, err := d.config(ctx, rec.ID)
	if Is(err, KindGone) {
		return d.drop(name)
	}
	if err != nil {
		return err
	}
	if unfinished(rec, config) {
		return d.takeBackLocked(ctx, rec)
	}
	if rec.State == StateDeleting && uuidOf(config) != rec.UUID {
		return d.drop(name) // it was deleted, and somebody else has the number now
	}
	if err := d.ours(rec, config); err != nil {
		return err
	}
	if err := removable(rec, config); err != nil {
		return err
	}
	return d.removeOurs(ctx, rec, grace)
}

// removable refuses what Proxmox would refuse after the guest had been shut down.
func removable(rec Record, config map[string]string) error {
	if config["protection"] == "1" {
		return fail(KindProtected, nil, hints[KindProtected], "VM %d is protected", rec.ID)
	}
	if lock := config["lock"]; lock != "" {
		return fail(KindLocked, nil, hints[KindLocked], "VM is locked (%s)", lock)
	}
	return nil
}

func (d *Driver) removeOurs(ctx context.Context, rec Record, grace time.Duration) error {
	if err := d.powerOff(ctx, rec, grace); err != nil {
		return err
	}
	was := rec
	rec.State = StateDeleting
	if err := d.keep(rec); err != nil {
		return err
	}
	switch err := d.destroy(ctx, rec); {
	case Is(err, KindLeftover): // the VM itself is gone
		return also(err, d.drop(rec.Name))
	case err != nil:
		return d.giveUp(was, err)
	}
	return d.drop(rec.Name)
}

// giveUp: a VM whose delete has failed for sure is as declared again, so that what is
// done next does not delete it.
func (d *Driver) giveUp(was Record, failed error) error {
	if !certain(failed) {
		return failed
	}
	if was.State == StateDeleting {
		was.State = StateReady
	}
	return also(failed, d.keep(was))
}

// destroy deletes a VM that is off. Whether it is ours is looked at in the same step.
func (d *Driver) destroy(ctx context.Context, rec Record) error {
	return d.runDestroy(ctx, rec, d.checked(rec))
}

// destroyRest deletes what an interrupted task left: it has no UUID and no tag, but
// only just lost the lock that told.
func (d *Driver) destroyRest(ctx context.Context, rec Record) error {
	return d.runDestroy(ctx, rec, func(ctx context.Context) error {
		config, err := d.config(ctx, rec.ID)
		if err != nil {
			return err
		}
		if uuid := uuidOf(config); config["name"] != "" && config["name"] != rec.Name || uuid != "" && uuid != rec.UUID {
			return fail(KindNotOurs, nil, "look at it in Proxmox", "VM %d is another one by now: %s", rec.ID, or2(config["name"], uuid))
		}
		return nil
	})
}

func (d *Driver) runDestroy(ctx context.Context, rec Record, check func(context.Context) error) error {
	config, err := d.config(ctx, rec.ID)
	if err != nil {
		return err
	}
	err = d.runBusy(ctx, write{
		op: "delete", kind: "qmdestroy", method: http.MethodDelete, path: d.vmPath(rec.ID, ""),
		body: map[string]any{"purge": 1, "destroy-unreferenced-disks": 1},
		name: rec.Name, id: rec.ID, check: check, storages: storagesOf(config),
	})
	if err == nil {
		return d.allGone(ctx, rec.ID)
	}
	// Somebody else may have deleted it meanwhile, or the task's last step failed.
	if free, lookErr := d.free(ctx, rec.ID); lookErr == nil && free {
		return d.allGone(ctx, rec.ID)
	}
	return err
}
