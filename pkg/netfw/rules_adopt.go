package netfw

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// adoptable returns the rules of a built-in chain, in normal form, that say what
// our chain says: the plan's phase 0 and phase 1 lines as an operator types them.
func adoptable(cfg RuleConfig, c Chain) []string {
	if cfg.Profile == Open && c.Part != PartNAT {
		return nil
	}
	switch c.Part {
	case PartInput:
		lines := []string{
			normalText("-p tcp --dport 8006 -j DROP"),
			normalText("-m state --state ESTABLISHED,RELATED -j ACCEPT"),
			normalText("-i lo -j ACCEPT"),
			normalText("-j DROP"),
		}
		if cfg.sshFromAnywhere(IPv4) { // otherwise it says more than ours
			lines = append(lines, normalText(fmt.Sprintf("-p tcp --dport %d -j ACCEPT", cfg.SSHPort)))
		}
		return lines
	case PartNAT:
		if cfg.Isolated {
			return nil
		}
		return []string{normalText(masquerade(cfg))}
	}
	return nil
}

// contradicts says what a rule of the operator's does that our chain, which
// comes first, would silently overrule.
func contradicts(cfg RuleConfig, c Chain, r savedRule) bool {
	switch c.Part {
	case PartInput:
		return cfg.Profile != Open && (r.normal == normalText("-p tcp --dport 8006 -j ACCEPT") ||
			r.normal == normalText(fmt.Sprintf("-p tcp --dport %d -j DROP", cfg.SSHPort)))
	case PartNAT:
		return contradictsNAT(cfg, r)
	}
	return false
}

func contradictsNAT(cfg RuleConfig, r savedRule) bool {
	source, out, target := "", "", ""
	for _, o := range ruleOptions(r.text) {
		switch {
		case o.not:
		case o.name == "-s":
			source = o.value
		case o.name == "-o":
			out = o.value
		case o.name == "-j":
			target = o.value
		}
	}
	return source == cfg.InternalCIDR.String() && (out == "" || out == cfg.PublicBridge) &&
		(target == "SNAT" || target == "MASQUERADE") && !slices.Contains(adoptable(cfg, Chain{Part: PartNAT}), r.normal)
}

// persistedFile is what netfilter-persistent loads at boot.
func persistedFile(f Family) string {
	if f == IPv6 {
		return "/etc/iptables/rules.v6"
	}
	return "/etc/iptables/rules.v4"
}

// withoutAdoptable takes the lines out of a persisted rule file that adoption
// takes over, and returns them. Every other byte stays.
func withoutAdoptable(content []byte, cfg RuleConfig, chains []Chain) (left []byte, lines []string) {
	var out bytes.Buffer
	table := ""
	text := string(content)
	for pos := 0; pos < len(text); {
		line, next := cutLine(text, pos)
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "*") {
			table = trimmed[1:]
		}
		if isAdoptableLine(trimmed, table, cfg, chains) {
			lines = append(lines, trimmed)
		} else {
			out.WriteString(text[pos:next])
		}
		pos = next
	}
	return out.Bytes(), lines
}

func isAdoptableLine(line, table string, cfg RuleConfig, chains []Chain) bool {
	if strings.HasPrefix(line, "[") {
		_, line, _ = strings.Cut(line, "] ")
	}
	for _, c := range chains {
		spec, ok := strings.CutPrefix(line, "-A "+c.Hook+" ")
		if !ok || c.Table != table {
			continue
		}
		words, err := splitWords(spec)
		if err == nil && slices.Contains(adoptable(cfg, c), normalize(words)) {
			return true
		}
	}
	return false
}
