package netfw

import (
	"fmt"
	"slices"
	"strings"
)

// tableLoad collects what one transaction does to one table.
type tableLoad struct {
	declare []string // our chains, emptied and refilled
	rules   []string
	changes []string // deletions and insertions, in order
}

// loadInput returns the input that makes the family's chains say what is
// wanted, "" when they do. With adopt the operator's lines that say the same go
// in the same transaction, so that there is no instant without either.
func loadInput(is saved, cfg RuleConfig, chains []Chain, adopt bool) string {
	var b strings.Builder
	for _, table := range tables {
		var t tableLoad
		for _, c := range chains {
			if c.Table == table {
				t.add(is, cfg, c, adopt)
			}
		}
		t.render(&b, table)
	}
	return b.String()
}

func (t *tableLoad) add(is saved, cfg RuleConfig, c Chain, adopt bool) {
	if !sameRules(c, is.chain(c.Table, c.Name)) {
		t.fill(c.Name, c.Rules)
	}
	hook := is.chain(c.Table, c.Hook)
	if hook != nil && adopt {
		takes := adoptable(cfg, c)
		for _, r := range hook.rules {
			if slices.Contains(takes, r.normal) {
				t.change("-D %s %s", c.Hook, r.text)
			}
		}
	}
	n := hook.count(normalText(c.jump()))
	if n == 1 && blockedBy(c, hook) == "" {
		return
	}
	for range n {
		t.change("-D %s %s", c.Hook, c.jump())
	}
	t.change("-I %s 1 %s", c.Hook, c.jump())
}

// fill empties and refills a chain: iptables-restore --noflush does so with a
// chain that its input declares.
func (t *tableLoad) fill(name string, rules []string) {
	t.declare = append(t.declare, name)
	for _, r := range rules {
		t.rules = append(t.rules, fmt.Sprintf("-A %s %s", name, r))
	}
}

func (t *tableLoad) change(format string, args ...any) {
	t.changes = append(t.changes, fmt.Sprintf(format, args...))
}

func (t *tableLoad) render(b *strings.Builder, table string) {
	if len(t.declare) == 0 && len(t.changes) == 0 {
		return
	}
	fmt.Fprintf(b, "*%s\n", table)
	for _, c := range t.declare {
		fmt.Fprintf(b, ":%s - [0:0]\n", c)
	}
	for _, r := range slices.Concat(t.rules, t.changes) {
		b.WriteString(r + "\n")
	}
	b.WriteString("COMMIT\n")
}
