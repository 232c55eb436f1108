package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

var ruleCounters = regexp.MustCompile(` ?\[\d+:\d+\] ?`)

// snapTables lists what the program saves, in its order: the order of rules is what they
// mean.
func (l *Lab) snapTables(ctx context.Context, program string) ([]string, error) {
	out, err := l.Host.Command(ctx, program).Output()
	if err != nil {
		return nil, withStderr(err)
	}
	var lines, table []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(ruleCounters.ReplaceAllString(line, ""))
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "COMMIT":
			if !idleTable(table) {
				lines = append(append(lines, table...), line)
			}
			table = nil
		default:
			table = append(table, line)
		}
	}
	return lines, nil
}

// idleTable reports whether a saved table has built-in chains alone, all empty and
// accepting.
func idleTable(table []string) bool {
	for _, line := range table[1:] {
		if !strings.HasPrefix(line, ":") || !strings.HasSuffix(line, " ACCEPT") {
			return false
		}
	}
	return true
}

// snapNFT lists the tables of nftables that iptables does not show, where nft is
// installed: iptables' own are in the other two lists, in iptables' words.
func (l *Lab) snapNFT(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("nft"); err != nil {
		return []string{"nft is not installed on this machine"}, nil
	}
	out, err := l.Host.Command(ctx, "nft", "--stateless", "list", "ruleset").Output()
	if err != nil {
		return nil, withStderr(err)
	}
	var lines []string
	skip := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "table ") {
			skip = iptablesTable.MatchString(line)
		}
		if !skip && line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// iptablesTable matches the heading of a table that iptables-nft and ip6tables-nft keep.
var iptablesTable = regexp.MustCompile(`^table ip6? (filter|nat|mangle|raw|security) \{$`)

// withStderr adds what the program said to the error of a failed Output.
func withStderr(err error) error {
	var status *exec.ExitError
	if errors.As(err, &status) {
		return errors.Join(err, errors.New(strings.TrimSpace(string(status.Stderr))))
	}
	return err
}

// snapLegacy lists the tables that the older flavour of iptables keeps, by name: neither
// the lab nor waddled makes any, and any that appears is worth seeing.
func (l *Lab) snapLegacy(context.Context) ([]string, error) {
	var lines []string
	err := l.Host.Do(func() error {
		for _, family := range []string{"ip", "ip6"} {
			names, err := os.ReadFile("/proc/thread-self/net/" + family + "_tables_names")
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			for _, name := range strings.Fields(string(names)) {
				lines = append(lines, family+" "+name)
			}
		}
		return nil
	})
	return sorted(lines), err
}
