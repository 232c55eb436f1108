package netfw

import (
	"context"
	"errors"
	"fmt"
)

// ApplyRules makes the rules in the kernel and in the rule files say what
// follows from cfg. It returns a *ConflictError or an *AdoptionError before it
// changes anything. When a table or a family fails, what was loaded before it is
// taken back.
func (d *Driver) ApplyRules(ctx context.Context, cfg RuleConfig, c Consent) error {
	d.write.Lock()
	defer d.write.Unlock()
	f, l, err := d.lookRules(ctx, cfg)
	if err != nil {
		return err
	}
	if err := f.allowed(c); err != nil || len(f.Differences) == 0 {
		return err
	}
	before, err := d.captureRules(l)
	if err != nil {
		return err
	}
	inputs := map[Family]string{}
	for _, fam := range families {
		inputs[fam] = loadInput(l.snap.rules[fam], cfg, l.set.Of(fam), c.Adopt)
	}
	// The files come first: whatever kills us afterwards, the next boot
	// loads what was wanted.
	if err := d.writeRuleFiles(l, before, c.Adopt); err != nil {
		return errors.Join(err, d.putFilesBack(before.Files, before.Foreign))
	}
	swap := pinSwap{want: pinsIn(l.set), is: l.snap.pins, skip: cfg.Parts&PartPins == 0}
	return d.load(ctx, l.tools, inputs, swap, before)
}

func (d *Driver) writeRuleFiles(l *rulesLook, before RulesBefore, adopt bool) error {
	if adopt {
		for _, ff := range before.Foreign {
			if err := d.takeOut(ff.Was.Path, ff.Was.Content, ff.Left); err != nil {
				return err
			}
		}
	}
	for _, fam := range families {
		name := d.ruleFile(fam)
		present, _, err := d.read(name)
		if err != nil {
			return err
		}
		if text := mergeFile(present, fam, l.boot.Of(fam), l.cfg.Parts); len(text) > 0 {
			if err := d.ensureFile(name, text, secretMode); err != nil {
				return err
			}
		}
	}
	if l.cfg.Parts&PartPins == 0 {
		return nil
	}
	name := d.ruleFile(BridgePins)
	_, exists, err := d.read(name)
	if err != nil {
		return err
	}
	if text := pinFile(exists, l.boot.Pins); text != nil {
		return d.ensureFile(name, text, secretMode)
	}
	return nil
}

// load has both families parsed before the first is loaded. A transaction is
// one table of one family, so a failure takes back what came before it.
func (d *Driver) load(ctx context.Context, t *tools, inputs map[Family]string, pins pinSwap, before RulesBefore) error {
	err := d.eachInput(inputs, func(fam Family, input string) error { return d.restore(ctx, t, fam, input, true) })
	if err == nil {
		err = d.loadAround(pins, func() error {
			return d.eachInput(inputs, func(fam Family, input string) error { return d.restore(ctx, t, fam, input, false) })
		})
	}
	if err == nil {
		d.log.Info("firewall rules loaded")
		return d.reopen()
	}
	// Taking back must not be cut short by the deadline that ended the load.
	if back := d.takeBack(context.WithoutCancel(ctx), t, before); back != nil {
		return fmt.Errorf("%w; taking back what was loaded failed as well, run apply again: %w", err, back)
	}
	return fmt.Errorf("%w; the rules are as they were before", err)
}

func (d *Driver) eachInput(inputs map[Family]string, do func(Family, string) error) error {
	for _, fam := range families {
		if inputs[fam] == "" {
			continue
		}
		if err := do(fam, inputs[fam]); err != nil {
			return err
		}
	}
	return nil
}

// takeBack puts rules, tables and files back as before has them.
func (d *Driver) takeBack(ctx context.Context, t *tools, before RulesBefore) error {
	for _, fb := range before.Families {
		is, err := d.save(ctx, t, fb.Family)
		if err != nil {
			return err
		}
		if input := revertInput(is, fb); input != "" {
			if err := d.restore(ctx, t, fb.Family, input, false); err != nil {
				return err
			}
		}
		if t.flavour == NFTables {
			if err := d.removeMade(fb.Family, fb.Tables); err != nil {
				return err
			}
		}
	}
	if err := d.takePinsBack(before.Pins); err != nil {
		return err
	}
	files, err := d.filesBefore(before)
	if err != nil {
		return err
	}
	return d.putFilesBack(files, before.Foreign)
}

func (d *Driver) takePinsBack(before *PinsBefore) error {
	if before == nil {
		return nil
	}
	is, err := savedPins()
	if err != nil || is.same(before.Rules) && is.exists == before.Exists {
		return err
	}
	return d.loadPins(before.Rules)
}
