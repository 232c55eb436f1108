package lab

import (
	"context"
	"errors"
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
	cmd := l.Host.Command(ctx, "nft", "--stateless", "list", "ruleset")
	if _, err := exec.LookPath("nft"); err != nil {
		return []string{"nft is not installed on this machine"}, nil
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, withStderr(err)
	}
	var lines []string
	skip := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "table ") {
			skip = iptablesTable[strings.TrimSuffix(line, " {")]
		}
		if !skip && line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

var iptablesTable = func() map[string]bool {
	names := map[string]bool{}
	for _, family := range []string{"ip", "ip6"} {
		for _, table := range []string{"filter", "nat", "mangle", "raw", "security"} {
			names["table "+family+" "+table] = true
		}
	}
	return names
}()

// withStderr adds what the program said to the error of a failed Output.
func withStderr(err error) error {
	var status *exec.ExitError
	if errors.As(err, &status) {
		return errors.Join(err, errors.New(strings.TrimSpace(string(status.Stderr))))
	}
	return err
}
