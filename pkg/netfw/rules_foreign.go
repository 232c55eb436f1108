package netfw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// lookForeignRules says what of others is in the chain that jumps to ours.
// owned is true once our chain is there or promised by the rule file: from then
// on nothing of others stands in the way of a repair.
func lookForeignRules(f *Finding, fam Family, cfg RuleConfig, c Chain, hook *savedChain, owned bool) {
	if hook == nil {
		return
	}
	object := ruleObject(fam, c.Table, c.Hook)
	var before, after []string
	foreign, at := 0, jumpAt(c, hook)
	for i, r := range hook.rules {
		switch {
		case isOwnJump(fam, r):
			continue
		case !owned && slices.Contains(adoptable(cfg, c), r.normal):
			f.add(Difference{Kind: Adopt, Object: object, Is: r.text, Note: fmt.Sprintf("the line moves into %s, in one transaction", c.Name)})
			continue
		case !owned && contradicts(cfg, c, r):
			f.add(Difference{Kind: Conflict, Object: object, Is: r.text, Want: strings.Join(c.Rules, "\n"),
				Note: "this rule says the opposite of ours, which come first; remove it, or change the platform file"})
			continue
		}
		foreign++
		if i < at && endsSomething(r) {
			before = append(before, r.text)
		}
		if i > at && accepts(r) {
			after = append(after, r.text)
		}
	}
	if foreign > 0 {
		f.note("%s has %s of others, left alone", object, count(foreign, "rule"))
	}
	if len(before) > 0 {
		f.note("%s: decided before ours are asked: %s", object, strings.Join(before, "; "))
	}
	if c.Part == PartInput && len(c.Rules) > 0 && len(after) > 0 {
		f.note("%s: never reached, as ours end with a drop: %s", object, strings.Join(after, "; "))
	}
}

func accepts(r savedRule) bool {
	return slices.ContainsFunc(ruleOptions(r.text), func(o option) bool { return o.name == "-j" && o.value == "ACCEPT" })
}

func isOwnJump(fam Family, r savedRule) bool {
	return slices.ContainsFunc(ownChains(fam), func(c Chain) bool { return r.normal == normalText(c.jump()) })
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lookPersisted looks at what netfilter-persistent would load at boot.
func (d *Driver) lookPersisted(f *Finding, cfg RuleConfig, fam Family, chains []Chain, is saved, file []byte) error {
	name := persistedFile(fam)
	b, ok, err := d.read(name)
	if err != nil || !ok {
		return err
	}
	for _, c := range chains {
		_, lines := withoutAdoptable(b, cfg, []Chain{c})
		owned := is.chain(c.Table, c.Name) != nil || fileHas(file, c)
		for _, l := range lines {
			if owned {
				f.note("%s still has %q, which ours say as well", name, l)
				continue
			}
			f.add(Difference{Kind: Adopt, Object: "file " + name + ", " + c.Table + " " + c.Hook, Is: l,
				Note: fmt.Sprintf("the line moves to %s; a copy of the file is kept in %s", d.ruleFile(fam), adoptedDir)})
		}
		if bytes.Contains(b, []byte(":"+c.Name+" ")) {
			f.note("%s holds a copy of our chain %s, as netfilter-persistent saved it; it is replaced when ours are loaded", name, c.Name)
		}
	}
	return nil
}
