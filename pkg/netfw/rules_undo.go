package netfw

import (
	"context"
	"fmt"
	"strings"
)

// ShowUndoRules says what UndoRules would change.
func (d *Driver) ShowUndoRules(ctx context.Context, b RulesBefore) ([]Difference, error) {
	files, err := d.filesBefore(b)
	if err != nil {
		return nil, err
	}
	out, err := d.undoFiles(files, b.Foreign)
	if err != nil {
		return nil, err
	}
	snap, _, err := d.snapshotRules(ctx)
	if err != nil {
		return nil, err
	}
	for _, fb := range b.Families {
		for _, c := range fb.Chains {
			out = append(out, undoChain(snap.rules[fb.Family], fb.Family, c)...)
		}
	}
	if b.Pins != nil {
		var f Finding
		lookPins(&f, b.Pins.Rules, snap.pins)
		out = append(out, f.Differences...)
	}
	return out, nil
}

func undoChain(is saved, fam Family, c ChainBefore) []Difference {
	var out []Difference
	own := is.chain(c.Table, c.Name)
	x := Difference{Object: ruleObject(fam, c.Table, c.Name), Want: strings.Join(c.Rules, "\n")}
	if own != nil {
		x.Is = strings.Join(own.texts(), "\n")
	}
	switch {
	case own != nil && !c.Exists:
		x.Kind = Remove
	case own == nil && c.Exists:
		x.Kind = Create
	case x.Is != x.Want:
		x.Kind = Change
	}
	if x.Kind != "" {
		out = append(out, x)
	}
	var t tableLoad
	t.revertHook(is.chain(c.Table, c.Hook), c)
	for _, change := range t.changes {
		x := Difference{Kind: Create, Object: ruleObject(fam, c.Table, c.Hook), Want: change}
		if strings.HasPrefix(change, "-D") {
			x.Kind, x.Is, x.Want = Remove, change[len("-D "+c.Hook+" "):], ""
		}
		out = append(out, x)
	}
	return out
}

// UndoRules puts back what CaptureRules saw: our chains and jumps go, adopted
// lines return to their place, tables and built-in chains that were made for
// ours and are empty are deleted, files are what they were. Rules of others
// that came since stay. With the legacy flavour an empty table stays until the
// next boot: the kernel offers no way to remove it.
func (d *Driver) UndoRules(ctx context.Context, b RulesBefore) error {
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.undoConflicts(b.Foreign); err != nil {
		return err
	}
	_, t, err := d.snapshotRules(ctx)
	if err != nil {
		return err
	}
	inputs := map[Family]string{}
	for _, fb := range b.Families {
		is, err := d.save(ctx, t, fb.Family)
		if err != nil {
			return err
		}
		inputs[fb.Family] = revertInput(is, fb)
	}
	if err := d.eachInput(inputs, func(fam Family, in string) error { return d.restore(ctx, t, fam, in, true) }); err != nil {
		return err
	}
	if err := d.takeBack(ctx, t, b); err != nil {
		return fmt.Errorf("cannot put the firewall rules back: %w", err)
	}
	d.log.Info("firewall rules put back")
	return nil
}
