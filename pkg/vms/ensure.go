package vms

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Consent is what the operator has agreed to beyond changes that nobody notices.
type Consent struct {
	Reboot   bool // boot the VM again when a difference waits for it
	Recreate bool // make the VM anew when nothing else removes a difference: its disks are lost
}

// Ensure makes the VM as the Spec says: it makes it when it is not there, finishes
// it when its making was interrupted, and applies what differs. Without consent it
// neither boots a VM nor makes one anew, and returns what is left in the outcome.
//
// A create that Proxmox fails leaves nothing behind. It can be killed anywhere and
// called again, with the same Spec or another one.
func (d *Driver) Ensure(ctx context.Context, s Spec, yes Consent) (Outcome, error) {
	if err := s.Check(); err != nil {
		return Outcome{}, err
	}
	release, err := d.locks.vm(ctx, s.Name)
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	out, err := d.ensure(ctx, s.filled(), yes)
	return out, tried(err, "bring VM %s (%d) to what is declared", s.Name, s.ID)
}

func (d *Driver) ensure(ctx context.Context, s Spec, yes Consent) (Outcome, error) {
	if err := d.tidy(ctx, s); err != nil {
		return Outcome{}, err
	}
	p, v, err := d.look(ctx, s)
	if err != nil {
		return Outcome{}, err
	}
	if v == nil {
		return d.make(ctx, s, p)
	}
	if yes.Recreate && len(p.found.With(EffectRecreate)) > 0 {
		return d.again(ctx, s, p)
	}
	return d.renew(ctx, s, v, p, yes)
}

// renew changes a VM that is there, and finishes one whose making was interrupted.
func (d *Driver) renew(ctx context.Context, s Spec, v *vm, p *plan, yes Consent) (Outcome, error) {
	rec, _, err := d.record(s.Name)
	if err != nil {
		return Outcome{}, err
	}
	if err := d.change(ctx, s, v, p); err != nil {
		if rec.State == StateCreating && !v.running {
			err = d.takeBack(ctx, rec, err)
		}
		return Outcome{}, err
	}
	if rec, _, err = d.record(s.Name); err != nil {
		return Outcome{}, err
	}
	if rec.State == StateCreating {
		if err := d.finish(ctx, s, rec, v.running); err != nil {
			return Outcome{}, err
		}
	}
	after, now, err := d.look(ctx, s)
	if err != nil || now == nil {
		return Outcome{}, err
	}
	if yes.Reboot && now.running && len(after.found.With(EffectReboot)) > 0 {
		if err := d.reboot(ctx, rec, graceDefault); err != nil {
			return Outcome{}, err
		}
		if after, _, err = d.look(ctx, s); err != nil {
			return Outcome{}, err
		}
	}
	return outcome(p.found, after.found), nil
}

// again deletes a VM and makes it anew. What would refuse the new one is looked at
// before the old one goes.
func (d *Driver) again(ctx context.Context, s Spec, p *plan) (Outcome, error) {
	rec, _, err := d.record(s.Name)
	if err != nil {
		return Outcome{}, err
	}
	if err := d.replaceable(ctx, s, rec); err != nil {
		return Outcome{}, err
	}
	if err := d.remove(ctx, s.Name, graceDefault); err != nil {
		return Outcome{}, err
	}
	return d.make(ctx, s, p)
}

// Replaceable says what would refuse to make a VM of ours anew, so that it is known
// before the old one goes: another VM with its number, its name or a MAC, a bridge or a storage
// that is not there. The room that the old one's disks take is taken to be free.
func (d *Driver) Replaceable(ctx context.Context, s Spec) error {
	if err := s.Check(); err != nil {
		return err
	}
	rec, _, err := d.existing(ctx, s.Name)
	if err == nil {
		err = d.replaceable(ctx, s.filled(), rec)
	}
	return tried(err, "make VM %s (%d) anew", s.Name, s.ID)
}

func (d *Driver) replaceable(ctx context.Context, s Spec, rec Record) error {
	if rec.ID != s.ID {
		if free, err := d.free(ctx, s.ID); err != nil || !free {
			if err == nil {
				err = d.taken(ctx, s)
			}
			return err
		}
		if err := d.unclaimed(ctx, s.ID); err != nil {
			return err
		}
	}
	old := s
	old.ID = rec.ID
	if err := d.unique(ctx, old); err != nil {
		return err
	}
	if err := d.bridges(s); err != nil {
		return err
	}
	return d.usable(ctx, s, nil)
}

// make makes a VM that is not there.
func (d *Driver) make(ctx context.Context, s Spec, p *plan) (Outcome, error) {
	if err := d.create(ctx, s); err != nil {
		return Outcome{}, err
	}
	after, _, err := d.look(ctx, s)
	if err != nil {
		return Outcome{}, err
	}
	out := outcome(p.found, after.found)
	out.Created = true
	return out, nil
}

// EnsureAll is Ensure for several VMs side by side. Specs that clash with each other
// are refused before anything is done. The outcomes are by name; those of VMs that
// failed are missing, and their errors joined.
func (d *Driver) EnsureAll(ctx context.Context, specs []Spec, yes Consent) (map[string]Outcome, error) {
	if err := CheckAll(specs); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	out, failed := map[string]Outcome{}, make([]error, len(specs))
	for i, s := range specs {
		all.Go(func() {
			done, err := d.Ensure(ctx, s, yes)
			mu.Lock()
			defer mu.Unlock()
			if failed[i] = err; err == nil {
				out[s.Name] = done
			}
		})
	}
	all.Wait()
	return out, errors.Join(failed...)
}

// CheckAll checks each Spec, and that no two have a name, a number or a MAC in common.
func CheckAll(specs []Spec) error {
	seen := map[string]string{}
	for _, s := range specs {
		if err := s.Check(); err != nil {
			return err
		}
		keys := []string{"the name " + s.Name, fmt.Sprint("the number ", s.ID)}
		for mac := range s.macs() {
			keys = append(keys, "the MAC "+mac)
		}
		for _, key := range keys {
			if other, twice := seen[key]; twice {
				return fail(KindInvalid, nil, "correct what is declared", "cannot make VMs %s and %s as they are declared: they have %s in common", other, s.Name, key)
			}
			seen[key] = s.Name
		}
	}
	return nil
}

func (s Spec) macs() map[string]string {
	all := map[string]string{}
	for i, nic := range s.filled().NICs {
		all[numbered("net", i)] = nic.print()
	}
	return macs(all)
}
