package vms

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Adoption is what the operator agrees to: that a VM which others made becomes ours,
// as it was when it was looked at.
type Adoption struct {
	ID      int
	Name    string
	UUID    string // in its SMBIOS; empty when it has none and is given one
	Digest  string // of its settings
	Finding Finding
}

// LookAdopt says what would differ if the VM with the Spec's number were ours, and
// changes nothing. The VM has to have the Spec's name as well. One that is ours
// already is an error of the kind exists.
func (d *Driver) LookAdopt(ctx context.Context, s Spec) (Adoption, error) {
	if err := s.Check(); err != nil {
		return Adoption{}, err
	}
	a, err := d.lookAdopt(ctx, s.filled())
	return a, tried(err, "look at VM %s (%d) to adopt it", s.Name, s.ID)
}

func (d *Driver) lookAdopt(ctx context.Context, s Spec) (Adoption, error) {
	free, err := d.free(ctx, s.ID)
	if err != nil {
		return Adoption{}, err
	}
	if free {
		return Adoption{}, fail(KindGone, nil, hints[KindGone], "there is no VM %d", s.ID)
	}
	v, err := d.read(ctx, s.ID)
	if err != nil {
		return Adoption{}, err
	}
	if v.next["template"] == "1" {
		return Adoption{}, fail(KindState, nil, "it cannot be started; clone it, and adopt the copy", "VM %d is a template", s.ID)
	}
	if v.next["name"] != s.Name {
		return Adoption{}, fail(KindTaken, nil, "declare the number of the VM that is meant", "VM %d is %s", s.ID, or2(v.next["name"], "without a name"))
	}
	rec, there, err := d.record(s.Name)
	if err != nil {
		return Adoption{}, err
	}
	if there && rec.ID == s.ID && d.ours(rec, v.next) == nil {
		return Adoption{}, fail(KindExists, nil, "nothing is to be done", "it is ours")
	}
	p := s.compare(v, s.adopted(v), d.o.Tag)
	if err := d.nameless(ctx, v, p); err != nil {
		return Adoption{}, err
	}
	return Adoption{ID: s.ID, Name: s.Name, UUID: uuidOf(v.next), Digest: v.digest, Finding: p.found}, nil
}

// nameless notes the disks that have the VM's number and that none of its settings names: they become ours too.
func (d *Driver) nameless(ctx context.Context, v *vm, p *plan) error {
	disks, err := d.leftDisks(ctx, v.id)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, value := range v.all() {
		file, _, _ := strings.Cut(value, ",")
		named[file] = true
	}
	for _, disk := range disks {
		if !named[disk] && !strings.Contains(disk, "-state-") { // a snapshot's memory goes with the snapshot
			p.found.Notes = append(p.found.Notes, disk+" has the VM's number and is not attached to it: a delete of the VM takes it along")
		}
	}
	return nil
}

// adopted is the record of a VM that others made. What its disks came from is not
// known and taken to be what is declared.
func (s Spec) adopted(v *vm) Record {
	return Record{Name: s.Name, ID: s.ID, UUID: uuidOf(v.next), State: StateReady, Images: s.images(), Made: time.Now().UTC(), Adopted: true}
}

// Adopt makes a VM ours that LookAdopt has shown: it gets our tag and a record, and
// nothing else changes. It fails with the kind changed when the VM is not any more
// what was shown.
func (d *Driver) Adopt(ctx context.Context, s Spec, shown Adoption) error {
	if err := s.Check(); err != nil {
		return err
	}
	release, err := d.locks.vm(ctx, s.Name)
	if err != nil {
		return err
	}
	defer release()
	return tried(d.adopt(ctx, s.filled(), shown), "adopt VM %s (%d)", s.Name, s.ID)
}

func (d *Driver) adopt(ctx context.Context, s Spec, shown Adoption) error {
	now, err := d.lookAdopt(ctx, s)
	if err != nil {
		return err
	}
	v, err := d.read(ctx, s.ID)
	if err != nil {
		return err
	}
	if now.Digest != shown.Digest || v.digest != shown.Digest || shown.ID != s.ID {
		return fail(KindChanged, nil, hints[KindChanged], "VM %d is not what was shown", s.ID)
	}
	rec := s.adopted(v)
	set := map[string]any{"digest": shown.Digest}
	tags := strings.Split(sorted(v.next["tags"]), ";")
	if !slices.Contains(tags, d.o.Tag) {
		set["tags"] = sorted(v.next["tags"] + ";" + d.o.Tag)
	}
	if rec.UUID == "" {
		rec.UUID = uuid.NewString()
		set["smbios1"] = strings.TrimSuffix("uuid="+rec.UUID+","+v.next["smbios1"], ",")
	}
	if len(set) == 1 {
		return d.keep(rec)
	}
	// The record comes first: killed in between, the VM lacks the tag and is not ours.
	if err := d.keep(rec); err != nil {
		return err
	}
	return d.run(ctx, write{op: "adopt", kind: "qmconfig", method: http.MethodPost, path: d.vmPath(s.ID, "/config"), body: set, name: s.Name, id: s.ID})
}
