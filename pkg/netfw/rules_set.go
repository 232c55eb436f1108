package netfw

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// LoadRules makes our chains in the kernel what the set says: those that it names
// are filled and jumped to exactly once, those that it does not name go. It
// reads and writes no file, needs no link, and changes nothing of others. Each
// table changes in one transaction; when a later one fails, what was loaded
// before it is taken back. No packet passes meanwhile that both the former
// rules and the new ones drop.
func (d *Driver) LoadRules(ctx context.Context, set RuleSet) error {
	if err := set.check(); err != nil {
		return err
	}
	d.write.Lock()
	defer d.write.Unlock()
	snap, t, err := d.snapshotRules(ctx)
	if err != nil {
		return err
	}
	inputs := map[Family]string{}
	for _, f := range families {
		inputs[f] = setInput(snap.rules[f], f, set.Of(f))
	}
	swap := pinSwap{want: pinsIn(set), is: snap.pins}
	if inputs[IPv4] == "" && inputs[IPv6] == "" && !swap.needed() {
		return d.reopen()
	}
	before := RulesBefore{Pins: capturePins(snap.pins)}
	for _, f := range families {
		fb, err := captureKernel(t, f, ownChains(f), snap.rules[f], func(Chain) []string { return nil })
		if err != nil {
			return err
		}
		before.Families = append(before.Families, fb)
	}
	return d.load(ctx, t, inputs, swap, before)
}

// check refuses chains that are not ours, and rules that could end a line.
func (s RuleSet) check() error {
	for _, f := range []Family{IPv4, IPv6, BridgePins} {
		seen := map[string]bool{}
		for _, c := range s.Of(f) {
			isOwn := slices.ContainsFunc(ownChains(f), func(o Chain) bool {
				return o.Part == c.Part && o.Table == c.Table && o.Name == c.Name && o.Hook == c.Hook
			})
			if !isOwn || seen[c.Name] {
				return fmt.Errorf("cannot load the %s firewall rules: chain %s of table %s is not ours, or is there twice", f, c.Name, c.Table)
			}
			seen[c.Name] = true
			for _, r := range c.Rules {
				if strings.ContainsAny(r, "\r\n\x00") {
					return fmt.Errorf("cannot load the %s firewall rules: %q is not one line", f, r)
				}
			}
		}
	}
	return nil
}

// setInput returns the input that makes all our chains of a family what chains
// say, "" when they do.
func setInput(is saved, f Family, chains []Chain) string {
	var b strings.Builder
	for _, table := range tables {
		var t tableLoad
		for _, own := range ownChains(f) {
			if own.Table != table {
				continue
			}
			i := slices.IndexFunc(chains, func(c Chain) bool { return c.Name == own.Name && c.Table == table })
			if i >= 0 {
				t.add(is, RuleConfig{}, chains[i], false)
			} else {
				t.remove(is, own)
			}
		}
		t.render(&b, table)
	}
	return b.String()
}

func (t *tableLoad) remove(is saved, c Chain) {
	for range is.chain(c.Table, c.Hook).count(normalText(c.jump())) {
		t.change("-D %s %s", c.Hook, c.jump())
	}
	if is.chain(c.Table, c.Name) != nil {
		t.change("-F %s", c.Name)
		t.change("-X %s", c.Name)
	}
}
