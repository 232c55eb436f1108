package vms

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// create makes a VM: a record, the VM with its disks, their sizes, the start. The
// record comes first: it knows the UUID that the VM will have.
func (d *Driver) create(ctx context.Context, s Spec) error {
	if err := d.bridges(s); err != nil {
		return err
	}
	if err := d.room(ctx, s); err != nil {
		return err
	}
	if err := d.unclaimed(ctx, s.ID); err != nil {
		return err
	}
	rec := Record{Name: s.Name, ID: s.ID, UUID: uuid.NewString(), State: StateCreating, Images: s.images(), Made: time.Now().UTC()}
	if err := d.keep(rec); err != nil {
		return err
	}
	err := d.runBusy(ctx, write{
		op: "create", kind: "qmcreate", method: http.MethodPost, path: "/qemu", body: s.create(d.o.Tag, rec.UUID),
		name: s.Name, id: s.ID, storages: storagesOf(s.drives()),
	})
	if Is(err, KindTaken) { // somebody was faster
		return also(d.taken(ctx, s), d.forget(rec))
	}
	if err != nil {
		return d.takeBack(ctx, rec, err)
	}
	return d.finish(ctx, s, rec, false)
}

// finish brings a VM that was made to its sizes and starts it.
func (d *Driver) finish(ctx context.Context, s Spec, rec Record, running bool) error {
	if err := d.enlarge(ctx, s, rec); err != nil {
		return d.takeBack(ctx, rec, err)
	}
	if !s.Off && !running {
		rec.Started = true
		if err := d.keep(rec); err != nil {
			return err
		}
		if err := d.start(ctx, rec); err != nil {
			return err
		}
	}
	rec.State = StateReady
	return d.keep(rec)
}

// enlarge brings the disks to their sizes: an imported one is as large as its image.
func (d *Driver) enlarge(ctx context.Context, s Spec, rec Record) error {
	config, err := d.verify(ctx, rec)
	if err != nil {
		return err
	}
	for _, disk := range s.Disks {
		text, there := config[disk.Slot]
		size := bytesOf(parseProps(text, "file")["size"])
		switch want := int64(disk.Size) << 30; {
		case !there:
		case size > want:
			return fail(KindInvalid, nil, "declare a disk that is at least as large as its image", "the image %s has %d MiB, and %s has %d", disk.Image, size>>20, disk.Slot, want>>20)
		case size < want:
			if err := d.resize(ctx, rec, disk.Slot, disk.Size, storagesOf(config)); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack removes what a making that failed has left, when it is sure that it
// failed. When Proxmox gave no answer, or the context ended, the record stays and the
// next run finishes. A VM that was started may hold what its guest has written, and
// stays as well.
func (d *Driver) takeBack(ctx context.Context, rec Record, failed error) error {
	if rec.Started || !certain(failed) {
		return failed
	}
	free, err := d.free(ctx, rec.ID)
	if err != nil {
		return also(failed, err)
	}
	if !free {
		if _, err := d.verify(ctx, rec); Is(err, KindNotOurs) {
			return also(failed, d.forget(rec)) // somebody was faster: the VM is theirs
		} else if err != nil {
			return also(failed, err)
		}
		if err := d.destroy(ctx, rec); err != nil {
			return also(failed, err)
		}
	}
	return also(failed, d.forget(rec))
}

// certain tells whether what failed has failed: Proxmox said so, or was not asked.
func certain(failed error) bool {
	var e *Error
	return errors.As(failed, &e) && e.Kind != KindUnavailable && e.Kind != KindUnreachable && e.Kind != KindRecords
}

// drives are the drives of a new VM.
func (s Spec) drives() map[string]string {
	all := map[string]string{}
	for _, disk := range s.Disks {
		all[disk.Slot] = disk.create()
	}
	if s.EFIStorage != "" {
		all["efidisk0"] = s.efi()
	}
	if s.CloudInit != nil {
		all[s.CloudInit.Slot] = s.CloudInit.Storage + ":cloudinit"
	}
	return all
}
