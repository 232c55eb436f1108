package netfw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func (t *savedTable) addChain(line string) error {
	w := strings.Fields(line)
	if len(w) < 2 {
		return fmt.Errorf("a chain has a name and a policy")
	}
	if t.chain(w[0]) != nil {
		return fmt.Errorf("chain %s is there twice", w[0])
	}
	t.chains = append(t.chains, savedChain{name: w[0], policy: w[1]})
	return nil
}

func (t *savedTable) addRule(line string) error {
	var r savedRule
	if line[0] == '[' {
		counters, rest, ok := strings.Cut(line[1:], "] ")
		p, b, colon := strings.Cut(counters, ":")
		var errP, errB error
		r.packets, errP = strconv.ParseUint(p, 10, 64)
		r.bytes, errB = strconv.ParseUint(b, 10, 64)
		if !ok || !colon || errP != nil || errB != nil {
			return fmt.Errorf("counters are [packets:bytes]")
		}
		line = rest
	}
	verb, rest, _ := strings.Cut(line, " ")
	name, spec, _ := strings.Cut(rest, " ")
	at := 0 // where an insert goes, from 1; 0 appends
	if verb == "-I" {
		// Our own rule file has -I with a position.
		number, more, _ := strings.Cut(spec, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return fmt.Errorf("an insert has a position")
		}
		at, spec = n, more
	} else if verb != "-A" {
		return fmt.Errorf("only -A and -I are known here")
	}
	words, err := splitWords(spec)
	if err != nil {
		return err
	}
	r.text, r.normal = spec, normalize(words)
	c := t.chain(name)
	if c == nil {
		// Rule files need not declare built-in chains.
		t.chains = append(t.chains, savedChain{name: name, policy: "ACCEPT"})
		c = &t.chains[len(t.chains)-1]
	}
	if at == 0 || at > len(c.rules) {
		c.rules = append(c.rules, r)
	} else {
		c.rules = slices.Insert(c.rules, at-1, r)
	}
	return nil
}

// splitWords splits as iptables-restore does: double quotes, backslash within.
func splitWords(s string) ([]string, error) {
	var out []string
	var w strings.Builder
	in, quoted := false, false
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case quoted && b == '\\' && i+1 < len(s):
			i++
			w.WriteByte(s[i])
		case b == '"':
			quoted, in = !quoted, true
		case !quoted && (b == ' ' || b == '\t'):
			if in {
				out = append(out, w.String())
				w.Reset()
				in = false
			}
		default:
			in = true
			w.WriteByte(b)
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if in {
		out = append(out, w.String())
	}
	return out, nil
}
