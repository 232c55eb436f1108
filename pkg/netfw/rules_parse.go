package netfw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ParseRules reads back what Render wrote, rule by rule. Whatever Render did not
// write, or holds a rule that waddled has no word for, is an error with the line.
func ParseRules(f Family, file []byte) ([]Chain, error) {
	parse := parseIPTables
	if f == BridgePins {
		parse = func(_ Family, text string) ([]Chain, error) { return parsePins(text) }
	}
	chains, err := parse(f, string(file))
	if err != nil {
		return nil, fmt.Errorf("cannot read the %s rules: %w", f, err)
	}
	if err := sameFile(Render(chains), file); err != nil {
		return nil, fmt.Errorf("cannot read the %s rules: %w", f, err)
	}
	return chains, nil
}

// parseIPTables finds our chains in the order in which they stand.
func parseIPTables(f Family, text string) ([]Chain, error) {
	s, err := parseSave(text)
	if err != nil {
		return nil, err
	}
	var out []Chain
	for _, t := range s {
		for _, c := range t.chains {
			i := slices.IndexFunc(ownChains(f), func(o Chain) bool { return o.Table == t.name && o.Name == c.name })
			if i < 0 {
				continue // a hook, with our jump; anything else Render does not write
			}
			own := ownChains(f)[i]
			if len(c.rules) > 0 {
				own.Rules = c.texts()
			}
			for _, r := range own.Rules {
				if _, err := parseMatch(f, r); err != nil {
					return nil, fmt.Errorf("%s: %w", lineOf(text, "-A "+own.Name+" "+r), err)
				}
			}
			out = append(out, own)
		}
	}
	return out, nil
}

func lineOf(text, line string) string {
	i := slices.IndexFunc(strings.Split(text, "\n"), func(l string) bool { return strings.TrimSpace(l) == line })
	return fmt.Sprintf("line %d", i+1)
}

// sameFile names the first line in which a file is not what its rules render.
func sameFile(want, is []byte) error {
	if bytes.Equal(want, is) {
		return nil
	}
	w, s := strings.SplitAfter(string(want), "\n"), strings.SplitAfter(string(is), "\n")
	for i := range max(len(w), len(s)) {
		a, b := at(w, i), at(s, i)
		if a != b {
			return fmt.Errorf("line %d: it is %q, and waddled would have written %q", i+1, b, a)
		}
	}
	return fmt.Errorf("it is not what waddled wrote")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
