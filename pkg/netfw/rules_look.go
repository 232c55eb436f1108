package netfw

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// LookRules compares the rules in the kernel and in the rule files with what
// follows from cfg. Rules of others are notes, unless they say the same as ours
// (adopt) or the opposite (conflict) before ours exist. A jump that is not the
// first rule of its chain is a note too, as others may have reasons to come
// first; only a rule that ends everything before the jump is a difference.
func (d *Driver) LookRules(ctx context.Context, cfg RuleConfig) (Finding, error) {
	f, _, err := d.lookRules(ctx, cfg)
	return f, err
}

// rulesLook is what a look saw and an apply needs.
type rulesLook struct {
	cfg   RuleConfig
	set   RuleSet
	boot  RuleSet // of the rule files
	snap  *snapshot
	tools *tools
}

func (d *Driver) lookRules(ctx context.Context, cfg RuleConfig) (Finding, *rulesLook, error) {
	var f Finding
	set, err := Rules(cfg)
	if err != nil {
		return f, nil, err
	}
	boot, err := Rules(cfg.boot())
	if err != nil {
		return f, nil, err
	}
	snap, t, err := d.snapshotRules(ctx)
	if err != nil {
		return f, nil, err
	}
	for _, fam := range families {
		if err := d.lookFamily(&f, cfg, fam, set.Of(fam), boot.Of(fam), snap.rules[fam]); err != nil {
			return f, nil, err
		}
	}
	if cfg.Parts&PartPins != 0 {
		lookPins(&f, pinsIn(set), snap.pins)
		if err := d.lookPinFile(&f, boot.Pins); err != nil {
			return f, nil, err
		}
	}
	if cfg.Parts&PartInput != 0 {
		lookClosed(&f, snap.closed)
	}
	l := &rulesLook{cfg, set, boot, snap, t}
	return f, l, d.lookOthers(ctx, &f, l)
}

func (d *Driver) lookFamily(f *Finding, cfg RuleConfig, fam Family, chains, boot []Chain, is saved) error {
	file, exists, err := d.read(d.ruleFile(fam))
	if err != nil {
		return err
	}
	for _, c := range chains {
		own := is.chain(c.Table, c.Name)
		lookChain(f, fam, c, own)
		hook := is.chain(c.Table, c.Hook)
		lookJump(f, fam, c, hook)
		lookForeignRules(f, fam, cfg, c, hook, own != nil || fileHas(file, c))
	}
	if want := mergeFile(file, fam, boot, cfg.Parts); !bytes.Equal(file, want) {
		f.add(Difference{Kind: createOrChange(exists), Object: "file " + d.ruleFile(fam), Is: string(file), Want: string(want)})
	}
	return d.lookPersisted(f, cfg, fam, chains, is, file)
}

func (d *Driver) lookPinFile(f *Finding, chains []Chain) error {
	file, exists, err := d.read(d.ruleFile(BridgePins))
	if err != nil {
		return err
	}
	if want := pinFile(exists, chains); !bytes.Equal(file, want) {
		f.add(Difference{Kind: createOrChange(exists), Object: "file " + d.ruleFile(BridgePins), Is: string(file), Want: string(want)})
	}
	return nil
}

func ruleObject(fam Family, table, chain string) string {
	return fmt.Sprintf("rule %s/%s %s", fam, table, chain)
}

// lookChain compares our chain rule by rule.
func lookChain(f *Finding, fam Family, c Chain, is *savedChain) {
	object := ruleObject(fam, c.Table, c.Name)
	if is == nil {
		f.add(Difference{Kind: Create, Object: object, Want: strings.Join(c.Rules, "\n")})
		return
	}
	if sameRules(c, is) {
		return
	}
	before := len(f.Differences)
	left := map[string]int{}
	for _, r := range is.rules {
		left[r.normal]++
	}
	for _, r := range c.Rules {
		if n := normalText(r); left[n] > 0 {
			left[n]--
		} else {
			f.add(Difference{Kind: Create, Object: object, Want: r})
		}
	}
	for _, r := range slices.Backward(is.rules) {
		if left[r.normal] > 0 {
			left[r.normal]--
			f.add(Difference{Kind: Remove, Object: object, Is: r.text})
		}
	}
	if len(f.Differences) == before {
		f.add(Difference{Kind: Change, Object: object, Is: strings.Join(is.texts(), "\n"), Want: strings.Join(c.Rules, "\n"), Note: "the order differs"})
	}
}

func sameRules(c Chain, is *savedChain) bool {
	return is != nil && slices.EqualFunc(c.Rules, is.rules, func(want string, r savedRule) bool { return normalText(want) == r.normal })
}

func lookJump(f *Finding, fam Family, c Chain, hook *savedChain) {
	object := ruleObject(fam, c.Table, c.Hook)
	switch n := hook.count(normalText(c.jump())); {
	case n == 0:
		f.add(Difference{Kind: Create, Object: object, Want: c.jump(), Note: "as the first rule"})
	case n > 1:
		f.add(Difference{Kind: Change, Object: object, Is: fmt.Sprintf("%s, %d times", c.jump(), n), Want: c.jump()})
	case blockedBy(c, hook) != "":
		f.add(Difference{Kind: Change, Object: object, Is: blockedBy(c, hook) + " before " + c.jump(), Want: c.jump(), Note: "ours are never asked; the jump moves to the first place"})
	}
}

// jumpAt returns the place of the first jump to c in its hook, or -1.
func jumpAt(c Chain, hook *savedChain) int {
	if hook == nil {
		return -1
	}
	jump := normalText(c.jump())
	return slices.IndexFunc(hook.rules, func(r savedRule) bool { return r.normal == jump })
}

// blockedBy returns the rule before our jump that ends every packet's way.
func blockedBy(c Chain, hook *savedChain) string {
	for i := 0; i < jumpAt(c, hook); i++ {
		if opts := ruleOptions(hook.rules[i].text); len(opts) == 1 && isFinal(opts[0]) {
			return hook.rules[i].text
		}
	}
	return ""
}

func isFinal(o option) bool {
	return o.name == "-j" && (o.value == "ACCEPT" || o.value == "DROP" || o.value == "REJECT")
}

func endsSomething(r savedRule) bool { return slices.ContainsFunc(ruleOptions(r.text), isFinal) }
