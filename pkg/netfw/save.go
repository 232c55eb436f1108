package netfw

import (
	"fmt"
	"strings"
)

// saved is the output of iptables-save, or a file in its format.
type saved []savedTable

type savedTable struct {
	name   string
	chains []savedChain
}

type savedChain struct {
	name   string
	policy string // ACCEPT or DROP of a built-in chain, - of a user chain
	rules  []savedRule
}

type savedRule struct {
	text    string // as printed, without counters, -A and the chain
	normal  string // what two spellings of one rule have in common
	packets uint64
	bytes   uint64
}

func (s saved) table(name string) *savedTable {
	for i := range s {
		if s[i].name == name {
			return &s[i]
		}
	}
	return nil
}

// chain returns nil when there is none.
func (s saved) chain(table, name string) *savedChain {
	if t := s.table(table); t != nil {
		return t.chain(name)
	}
	return nil
}

func (t *savedTable) chain(name string) *savedChain {
	for i := range t.chains {
		if t.chains[i].name == name {
			return &t.chains[i]
		}
	}
	return nil
}

// count returns how many rules of the chain say the same as normal.
func (c *savedChain) count(normal string) int {
	n := 0
	if c != nil {
		for _, r := range c.rules {
			if r.normal == normal {
				n++
			}
		}
	}
	return n
}

func (c *savedChain) texts() []string {
	out := make([]string, len(c.rules))
	for i, r := range c.rules {
		out[i] = r.text
	}
	return out
}

// parseSave reads iptables-save's format, with or without counters. What
// iptables-restore would refuse is an error with its line.
func parseSave(text string) (saved, error) {
	var s saved
	var t *savedTable
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		var err error
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '*':
			if t != nil {
				err = fmt.Errorf("table %s was not committed", t.name)
				break
			}
			s = append(s, savedTable{name: line[1:]})
			t = &s[len(s)-1]
		case t == nil:
			err = fmt.Errorf("no table before it")
		case line == "COMMIT":
			t = nil
		case line[0] == ':':
			err = t.addChain(line[1:])
		default:
			err = t.addRule(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", n, line, err)
		}
	}
	if t != nil {
		return nil, fmt.Errorf("table %s was not committed: the text is cut off", t.name)
	}
	return s, nil
}
