package netfw

import (
	"fmt"
	"strings"
)

// Family is an address family of the rules.
type Family string

// The families, by the names that nftables has for them.
const (
	IPv4       Family = "ip"
	IPv6       Family = "ip6"
	BridgePins Family = "bridge" // which port may use which source address; nftables only
)

// families are those of iptables.
var families = []Family{IPv4, IPv6}

// Chain is one chain of ours and the built-in chain that jumps to it.
type Chain struct {
	Part  Part
	Table string // filter, nat; of pins our own
	Name  string
	Hook  string   // INPUT, FORWARD, POSTROUTING, prerouting
	Rules []string // as iptables-save prints them, without -A and the chain; of pins as nft does
}

func (c Chain) jump() string { return "-j " + c.Name }

// RuleSet is what is wanted of each family.
type RuleSet struct {
	V4, V6 []Chain
	Pins   []Chain // one chain, or none when nothing is pinned
}

// Of returns the chains of a family.
func (s RuleSet) Of(f Family) []Chain {
	switch f {
	case IPv6:
		return s.V6
	case BridgePins:
		return s.Pins
	}
	return s.V4
}

// The names of our chains, for every family and table.
const (
	inputChain       = "WADDLE-INPUT"
	forwardChain     = "WADDLE-FORWARD"
	postroutingChain = "WADDLE-POSTROUTING"
)

// Rules is the rule set of a configuration: a pure function.
func Rules(c RuleConfig) (RuleSet, error) {
	if err := c.Validate(); err != nil {
		return RuleSet{}, err
	}
	var s RuleSet
	if c.Parts&PartInput != 0 {
		s.V4 = append(s.V4, Chain{PartInput, "filter", inputChain, "INPUT", inputRules(c, IPv4)})
		s.V6 = append(s.V6, Chain{PartInput, "filter", inputChain, "INPUT", inputRules(c, IPv6)})
	}
	if c.Parts&PartForward != 0 {
		s.V4 = append(s.V4, Chain{PartForward, "filter", forwardChain, "FORWARD", forwardRules(c, IPv4)})
		s.V6 = append(s.V6, Chain{PartForward, "filter", forwardChain, "FORWARD", forwardRules(c, IPv6)})
	}
	if c.Parts&PartNAT != 0 {
		s.V4 = append(s.V4, Chain{PartNAT, "nat", postroutingChain, "POSTROUTING", natRules(c)})
	}
	if c.Parts&PartPins != 0 && c.Profile != Open {
		if rules := pinRules(c); len(rules) > 0 {
			s.Pins = []Chain{{PartPins, pinTable, pinChain, pinHook, rules}}
		}
	}
	return s, nil
}

var tables = []string{"filter", "nat"}

// Render returns the rule file for the boot: the input for iptables-restore
// --noflush that loads the chains into a host where they are not yet, or for
// nft -f when they are pins.
func Render(chains []Chain) []byte {
	if len(chains) > 0 && chains[0].Part == PartPins {
		return renderPins(chains[0])
	}
	var b strings.Builder
	b.WriteString("# Written by waddled before it loads them; changes made here are put back.\n" +
		"# Loads on a host without these chains: iptables-restore --noflush (IPv6: ip6tables-restore).\n")
	for _, table := range tables {
		renderTable(&b, table, chains)
	}
	return []byte(b.String())
}

func renderTable(b *strings.Builder, table string, chains []Chain) {
	var in []Chain
	for _, c := range chains {
		if c.Table == table {
			in = append(in, c)
		}
	}
	if len(in) == 0 {
		return
	}
	fmt.Fprintf(b, "*%s\n", table)
	for _, c := range in {
		fmt.Fprintf(b, ":%s - [0:0]\n", c.Name)
	}
	for _, c := range in {
		for _, r := range c.Rules {
			fmt.Fprintf(b, "-A %s %s\n", c.Name, r)
		}
	}
	for _, c := range in {
		fmt.Fprintf(b, "-I %s 1 %s\n", c.Hook, c.jump())
	}
	b.WriteString("COMMIT\n")
}
