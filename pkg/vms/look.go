package vms

import (
	"context"
	"fmt"
)

// Look says what differs between the Spec and the real VM, and changes nothing. A
// VM with the Spec's number or name that is not ours is an error of the kind taken
// or not_ours, which names it.
func (d *Driver) Look(ctx context.Context, s Spec) (Finding, error) {
	if err := s.Check(); err != nil {
		return Finding{}, err
	}
	p, _, err := d.look(ctx, s.filled())
	if err != nil {
		return Finding{}, tried(err, "look at VM %s (%d)", s.Name, s.ID)
	}
	return p.found, nil
}

// look is Look with what would be sent. v is nil when there is no VM.
func (d *Driver) look(ctx context.Context, s Spec) (*plan, *vm, error) {
	rec, there, err := d.record(s.Name)
	if err != nil {
		return nil, nil, err
	}
	id := s.ID
	if there {
		id = rec.ID
	}
	free, err := d.free(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if free {
		return d.lookAbsent(ctx, s, rec, there)
	}
	if !there {
		return nil, nil, d.taken(ctx, s)
	}
	v, err := d.read(ctx, id)
	if Is(err, KindGone) { // a container has its number by now, or it went just now
		if err := d.isFree(ctx, s); err != nil {
			return nil, nil, err
		}
		return d.lookAbsent(ctx, s, rec, there)
	}
	if err != nil {
		return nil, nil, err
	}
	if unfinished(rec, v.next) {
		return &plan{found: Finding{Differences: []Difference{{Effect: EffectCreate, Object: "VM " + s.Name, Is: "half made", Want: fmt.Sprint(s.ID)}}}}, nil, nil
	}
	if err := d.ours(rec, v.next); err != nil {
		return nil, nil, err
	}
	p := s.compare(v, rec, d.o.Tag)
	if rec.ID != s.ID {
		p.add(Difference{Effect: EffectRecreate, Object: "number", Is: fmt.Sprint(rec.ID), Want: fmt.Sprint(s.ID)})
	}
	if rec.State == StateCreating && !v.running && !s.Off {
		p.add(Difference{Effect: EffectLive, Object: "power", Is: v.status, Want: "running", Note: "its making was interrupted"})
	}
	return p, v, nil
}

// lookAbsent: the VM is to be made.
func (d *Driver) lookAbsent(ctx context.Context, s Spec, rec Record, there bool) (*plan, *vm, error) {
	if there && rec.ID != s.ID {
		if err := d.isFree(ctx, s); err != nil {
			return nil, nil, err
		}
	}
	if err := d.unique(ctx, s); err != nil {
		return nil, nil, err
	}
	if err := d.unclaimed(ctx, s.ID); err != nil {
		return nil, nil, err
	}
	x := Difference{Effect: EffectCreate, Object: "VM " + s.Name, Want: fmt.Sprintf("%d: %d cores, %d MiB", s.ID, s.Cores, s.Memory)}
	if there && rec.State == StateReady {
		x.Note = "it was made before and somebody deleted it"
	}
	return &plan{found: Finding{Differences: []Difference{x}}}, nil, nil
}

// isFree refuses a number that something has.
func (d *Driver) isFree(ctx context.Context, s Spec) error {
	free, err := d.free(ctx, s.ID)
	if err == nil && !free {
		err = d.taken(ctx, s)
	}
	return err
}

// taken is the error for a number that another VM has.
func (d *Driver) taken(ctx context.Context, s Spec) error {
	other := d.other(ctx, s.ID)
	return fail(KindTaken, nil, "declare another number; if that VM is to be ours: waddle vm adopt "+s.Name, "the number %d is taken by %s", s.ID, other)
}

// unique looks for other VMs with the Spec's name or one of its MACs.
func (d *Driver) unique(ctx context.Context, s Spec) error {
	all, err := d.List(ctx)
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.Name == s.Name && v.ID != s.ID {
			return fail(KindTaken, nil, "declare another name, or the number of that VM and adopt it: waddle vm adopt "+s.Name, "the name %s is taken by %s", s.Name, v)
		}
	}
	for _, v := range all {
		if v.ID == s.ID || v.Type != "qemu" {
			continue
		}
		if err := d.macsTaken(ctx, s, v); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) macsTaken(ctx context.Context, s Spec, other VM) error {
	var config settings
	err := d.api.get(ctx, fmt.Sprintf("/nodes/%s/qemu/%d/config", other.Node, other.ID), &config)
	if Is(err, KindGone) { // it went meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	theirs := macs(config)
	for i, nic := range s.NICs {
		mac := parseProps(card(nic.print()), "model")["macaddr"]
		if at, twice := theirs[mac]; twice {
			return fail(KindTaken, nil, "declare another MAC", "the MAC %s of net%d is taken by %s of %s", mac, i, at, other)
		}
	}
	return nil
}
