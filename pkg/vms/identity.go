package vms

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// ours holds a VM's settings against its record: number, UUID and tag. The number is
// that of the settings' VM.
func (d *Driver) ours(rec Record, config map[string]string) error {
	tags := strings.Split(sorted(config["tags"]), ";")
	uuid := uuidOf(config)
	named := fmt.Sprintf("VM %d (%s)", rec.ID, or2(config["name"], "without a name"))
	switch {
	case !marked(rec, config) && (rec.UUID == "" || uuid != rec.UUID):
		return fail(KindNotOurs, nil, "declare another number; if it is to be ours: waddle vm adopt "+rec.Name,
			"%s is not the VM that was made as %s: its UUID is %s, and that one's was %s", named, rec.Name, or2(uuid, "none"), or2(rec.UUID, "not known yet"))
	case !slices.Contains(tags, d.o.Tag):
		return fail(KindNotOurs, nil, "somebody took it from us; to give it back: waddle vm adopt "+rec.Name,
			"%s has lost the tag %s", named, d.o.Tag)
	}
	return nil
}

// verify reads a VM's settings and holds them against its record.
func (d *Driver) verify(ctx context.Context, rec Record) (settings, error) {
	config, err := d.config(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	return config, d.ours(rec, config)
}

// mine finds the VM of that name that is ours. gone is true when there is a record
// and no VM.
func (d *Driver) mine(ctx context.Context, name string) (rec Record, config settings, gone bool, err error) {
	rec, there, err := d.record(name)
	if err != nil {
		return rec, nil, false, err
	}
	if !there {
		return rec, nil, false, d.stranger(ctx, name)
	}
	free, err := d.free(ctx, rec.ID)
	if err != nil || free {
		return rec, nil, free, err
	}
	config, err = d.verify(ctx, rec)
	if Is(err, KindGone) {
		return rec, nil, true, nil
	}
	return rec, config, false, err
}

// stranger is the error for a name that there is no record of.
func (d *Driver) stranger(ctx context.Context, name string) error {
	all, err := d.List(ctx)
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.Name == name {
			return fail(KindNotOurs, nil, "if it is to be ours: waddle vm adopt "+name, "%s was not made by us", v)
		}
	}
	return fail(KindGone, nil, hints[KindGone], "there is no VM %s", name)
}

// existing is mine for what needs the VM to be there.
func (d *Driver) existing(ctx context.Context, name string) (Record, settings, error) {
	rec, config, gone, err := d.mine(ctx, name)
	if err == nil && gone {
		err = fail(KindGone, nil, "make it again: waddle apply", "VM %s (%d) is not there any more", name, rec.ID)
	}
	return rec, config, err
}
