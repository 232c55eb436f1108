package netfw

import (
	"slices"
	"strings"
)

// revertInput returns the input that puts our chains, jumps and the adopted
// lines back as they were, "" when they are. What others did since stays.
func revertInput(is saved, before FamilyBefore) string {
	var b strings.Builder
	for _, table := range tables {
		var t tableLoad
		for _, c := range before.Chains {
			if c.Table == table {
				t.revert(is, c)
			}
		}
		t.render(&b, table)
	}
	return b.String()
}

func (t *tableLoad) revert(is saved, c ChainBefore) {
	own := is.chain(c.Table, c.Name)
	if c.Exists && (own == nil || !slices.Equal(own.texts(), c.Rules)) {
		t.fill(c.Name, c.Rules)
	}
	t.revertHook(is.chain(c.Table, c.Hook), c)
	if !c.Exists && own != nil {
		t.change("-F %s", c.Name)
		t.change("-X %s", c.Name)
	}
}

// revertHook takes out what is ours and was not there, and puts what was there
// back at its place: behind the nearest of its former predecessors.
func (t *tableLoad) revertHook(hook *savedChain, c ChainBefore) {
	var now []savedRule
	if hook != nil {
		now = slices.Clone(hook.rules)
	}
	is := slices.Clone(now)
	jump := normalText("-j " + c.Name)
	var back tableLoad
	now = slices.DeleteFunc(now, func(r savedRule) bool {
		if r.normal == jump {
			back.change("-D %s %s", c.Hook, r.text)
		}
		return r.normal == jump
	})
	at := 0 // the next place in now
	for _, r := range c.Around {
		n := normalOf(r.Text)
		i := slices.IndexFunc(now[at:], func(x savedRule) bool { return x.normal == n })
		switch {
		case i >= 0:
			at += i + 1
		case r.Ours && !hasElsewhere(now, c.Around, n):
			back.change("-I %s %d %s", c.Hook, at+1, r.Text)
			now = slices.Insert(now, at, savedRule{text: r.Text, normal: n})
			at++
		}
	}
	if !slices.EqualFunc(is, now, func(a, b savedRule) bool { return a.normal == b.normal }) {
		t.changes = append(t.changes, back.changes...)
	}
}

// hasElsewhere reports whether all of a rule's former copies are there, though
// perhaps at another place: then it was moved, not taken out.
func hasElsewhere(now []savedRule, around []HookBefore, normal string) bool {
	is := (&savedChain{rules: now}).count(normal)
	was := 0
	for _, r := range around {
		if normalOf(r.Text) == normal {
			was++
		}
	}
	return is >= was
}

func normalOf(text string) string {
	words, err := splitWords(text)
	if err != nil {
		return text
	}
	return normalize(words)
}
