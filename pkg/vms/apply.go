package vms

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Outcome is what a change did and what it left.
type Outcome struct {
	Created  bool
	Changed  []Difference // gone
	Reboot   []Difference // set, and true when the VM has booted again
	Recreate []Difference // left: only making the VM anew removes them
}

// Apply removes the differences of a VM that is there: those that are live at once,
// those that need a boot are set and wait for it. What only a new VM would remove is
// left and returned. It fails with the kind changed when somebody changed the VM
// since it was looked at, and with the kind gone when there is no VM.
func (d *Driver) Apply(ctx context.Context, s Spec) (Outcome, error) {
	if err := s.Check(); err != nil {
		return Outcome{}, err
	}
	release, err := d.locks.vm(ctx, s.Name)
	if err != nil {
		return Outcome{}, err
	}
	defer release()
	out, err := d.apply(ctx, s.filled())
	return out, tried(err, "change VM %s (%d)", s.Name, s.ID)
}

func (d *Driver) apply(ctx context.Context, s Spec) (Outcome, error) {
	p, v, err := d.look(ctx, s)
	if err != nil {
		return Outcome{}, err
	}
	if v == nil {
		return Outcome{}, fail(KindGone, nil, "make it: waddle apply", "there is no VM %s", s.Name)
	}
	if err := d.change(ctx, s, v, p); err != nil {
		return Outcome{}, err
	}
	after, _, err := d.look(ctx, s)
	if err != nil {
		return Outcome{}, err
	}
	return outcome(p.found, after.found), nil
}

// outcome says what became of the differences. The VM itself tells, not what was
// expected of it.
func outcome(before, after Finding) Outcome {
	out := Outcome{Reboot: after.With(EffectReboot), Recreate: after.With(EffectRecreate)}
	for _, x := range before.Differences {
		if !slices.ContainsFunc(after.Differences, func(y Difference) bool { return y.Object == x.Object }) {
			out.Changed = append(out.Changed, x)
		}
	}
	return out
}

// change sends a plan. Nothing of it makes the VM anew.
func (d *Driver) change(ctx context.Context, s Spec, v *vm, p *plan) error {
	rec, _, err := d.record(s.Name)
	if err != nil {
		return err
	}
	if p.touchesNICs() {
		if err := d.unique(ctx, s); err != nil {
			return err
		}
		if err := d.bridges(s); err != nil {
			return err
		}
	}
	if len(p.set)+len(p.drop) > 0 {
		if err := d.unread(s, &rec, v, p); err != nil {
			return err
		}
		if err := d.configure(ctx, rec, v.digest, p.set, p.drop); err != nil {
			return err
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(p.grow)) {
		if err := d.resize(ctx, rec, slot, p.grow[slot], storagesOf(v.next)); err != nil {
			return err
		}
	}
	return nil
}

// unread notes, before it is sent, what the guest that runs now will not have read.
func (d *Driver) unread(s Spec, rec *Record, v *vm, p *plan) error {
	if !v.running || v.pid == 0 {
		return nil
	}
	all := maps.Clone(rec.Unread)
	maps.DeleteFunc(all, func(_ string, pid int) bool { return pid != v.pid })
	for _, opt := range append(s.guestOptions(), s.surplus(v)...) {
		if _, set := p.set[opt.name]; opt.guest && (set || slices.Contains(p.drop, opt.name)) {
			if all == nil {
				all = map[string]int{}
			}
			all[opt.name] = v.pid
		}
	}
	if maps.Equal(all, rec.Unread) {
		return nil
	}
	rec.Unread = all
	return d.keep(*rec)
}

func (p *plan) touchesNICs() bool {
	for name := range p.set {
		if strings.HasPrefix(name, "net") {
			return true
		}
	}
	return false
}

// configure changes settings in one go. The digest makes Proxmox refuse it when they
// are not any more what was looked at.
func (d *Driver) configure(ctx context.Context, rec Record, digest string, set map[string]string, drop []string) error {
	body := map[string]any{"digest": digest}
	for name, value := range set {
		body[name] = value
	}
	if len(drop) > 0 {
		body["delete"] = strings.Join(drop, ",")
	}
	return d.runBusy(ctx, write{
		op: "config", kind: "qmconfig", method: http.MethodPost, path: d.vmPath(rec.ID, "/config"), body: body,
		name: rec.Name, id: rec.ID, check: d.checked(rec), storages: storagesOf(set),
	})
}

func (d *Driver) resize(ctx context.Context, rec Record, slot string, gib int, storages []string) error {
	return d.runBusy(ctx, write{
		op: "resize", kind: "resize", method: http.MethodPut, path: d.vmPath(rec.ID, "/resize"),
		body: map[string]any{"disk": slot, "size": fmt.Sprintf("%dG", gib)},
		name: rec.Name, id: rec.ID, check: d.checked(rec), storages: storages,
	})
}

// checked holds the VM against its record, in the same step as the write.
func (d *Driver) checked(rec Record) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := d.verify(ctx, rec)
		return err
	}
}

const turns = 3 // how often a write is sent that a lock of Proxmox kept out

// runBusy is run for what may be sent again when a lock was not free in time: such a
// task has done nothing.
func (d *Driver) runBusy(ctx context.Context, w write) error {
	for n := 1; ; n++ {
		err := d.run(ctx, w)
		if !Is(err, KindBusy) || n == turns {
			return err
		}
		if err := sleep(ctx, d.o.Poll); err != nil {
			return err
		}
	}
}

// bridges looks for the bridges of the Spec.
func (d *Driver) bridges(s Spec) error {
	for i, nic := range s.NICs {
		there, err := d.o.HasBridge(nic.Bridge)
		if err != nil {
			return fmt.Errorf("cannot look for bridge %s: %w", nic.Bridge, err)
		}
		if !there {
			return fail(KindBridge, nil, hints[KindBridge], "net%d is on bridge %s, which the host does not have", i, nic.Bridge)
		}
	}
	return nil
}
