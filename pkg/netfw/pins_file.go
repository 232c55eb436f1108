package netfw

import (
	"fmt"
	"strings"
)

// renderPins writes what nft -f loads: it replaces our table, or makes it.
func renderPins(c Chain) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by waddled before it loads them; changes made here are put back.\n"+
		"# Loads with: nft -f\n"+
		"table bridge %[1]s\ndelete table bridge %[1]s\n"+
		"table bridge %[1]s {\n\tchain %[2]s {\n\t\ttype filter hook %[3]s priority %[4]d; policy accept;\n", c.Table, c.Name, c.Hook, pinPriority)
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "\t\t%s\n", r)
	}
	b.WriteString("\t}\n}\n")
	return []byte(b.String())
}

// parsePins reads the rules of renderPins' file; that nothing else is in it the
// caller sees by rendering them.
func parsePins(file string) ([]Chain, error) {
	c := Chain{Part: PartPins, Table: pinTable, Name: pinChain, Hook: pinHook}
	n := 0
	for line := range strings.Lines(file) {
		n++
		text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t\t")
		if !ok || strings.HasPrefix(text, "type ") {
			continue
		}
		if _, err := parsePin(text); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c.Rules = append(c.Rules, text)
	}
	if len(c.Rules) == 0 {
		return nil, nil
	}
	return []Chain{c}, nil
}
