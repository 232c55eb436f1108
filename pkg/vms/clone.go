package vms

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Clone is a copy of a VM of ours.
type Clone struct {
	Name     string
	ID       int
	Storage  string // of the copy's disks; default: where the original's are
	Snapshot string // copy that snapshot instead of the state of now
}

// Clone copies a VM of ours, all its disks included. The copy is ours, is off, and has
// cards with MACs of their own. A copy holds the lock of its storage until it is done,
// so copies come one after the other.
func (d *Driver) Clone(ctx context.Context, from string, c Clone) error {
	try := fmt.Sprintf("clone VM %s as %s (%d)", from, c.Name, c.ID)
	if !vmName.MatchString(c.Name) || c.ID < 100 || c.Name == from {
		return tried(fail(KindInvalid, nil, "name another one", "the name or the number is none"), "%s", try)
	}
	first, second := min(from, c.Name), max(from, c.Name)
	for _, name := range []string{first, second} {
		release, err := d.locks.vm(ctx, name)
		if err != nil {
			return err
		}
		defer release()
	}
	return tried(d.clone(ctx, from, c), "%s", try)
}

func (d *Driver) clone(ctx context.Context, from string, c Clone) error {
	source, config, err := d.existing(ctx, from)
	if err != nil {
		return err
	}
	target := Spec{Name: c.Name, ID: c.ID}
	if err := d.tidy(ctx, target); err != nil {
		return err
	}
	if _, there, err := d.record(c.Name); err != nil || there {
		if err == nil {
			err = fail(KindExists, nil, hints[KindExists], "there is a VM %s of ours", c.Name)
		}
		return err
	}
	if err := d.unique(ctx, target); err != nil {
		return err
	}
	if free, err := d.free(ctx, c.ID); err != nil || !free {
		if err == nil {
			err = d.taken(ctx, target)
		}
		return err
	}
	if err := d.unclaimed(ctx, c.ID); err != nil {
		return err
	}
	rec := Record{Name: c.Name, ID: c.ID, UUID: uuid.NewString(), State: StateCreating, From: source.ID, Images: source.Images, Made: time.Now().UTC()}
	if err := d.keep(rec); err != nil {
		return err
	}
	if err := d.copy(ctx, source, rec, c, config); err != nil {
		return d.takeBack(ctx, rec, err)
	}
	made, err := d.config(ctx, rec.ID)
	if err != nil {
		return err
	}
	return d.claim(ctx, rec, made)
}

func (d *Driver) copy(ctx context.Context, source Record, rec Record, c Clone, config settings) error {
	body := map[string]any{"newid": c.ID, "name": c.Name, "full": 1, "description": mark(rec)}
	storages := storagesOf(config)
	if c.Storage != "" {
		body["storage"] = c.Storage
		storages = storagesOf(map[string]string{"scsi0": c.Storage + ":0"})
	}
	if c.Snapshot != "" {
		body["snapname"] = c.Snapshot
	}
	return d.runBusy(ctx, write{
		op: "clone", kind: "qmclone", method: http.MethodPost, path: d.vmPath(source.ID, "/clone"), body: body,
		name: c.Name, id: source.ID, check: d.checked(source), storages: storages, alone: true,
	})
}

// mark is the description of a copy until it has the UUID of its record: Proxmox
// draws one of its own.
func mark(rec Record) string { return "waddle clone " + rec.UUID }

func marked(rec Record, config map[string]string) bool {
	return rec.State == StateCreating && rec.From != 0 && strings.TrimSpace(config["description"]) == mark(rec)
}

// claim gives a copy the UUID of its record. Until then the mark tells that it is ours.
func (d *Driver) claim(ctx context.Context, rec Record, config settings) error {
	if err := d.ours(rec, config); err != nil {
		return err
	}
	if uuidOf(config) != rec.UUID {
		err := d.run(ctx, write{
			op: "config", kind: "qmconfig", method: http.MethodPost, path: d.vmPath(rec.ID, "/config"),
			body: map[string]any{"digest": config["digest"], "smbios1": "uuid=" + rec.UUID, "delete": "description"},
			name: rec.Name, id: rec.ID,
		})
		if err != nil {
			return err
		}
	}
	rec.State, rec.From = StateReady, 0
	return d.keep(rec)
}
