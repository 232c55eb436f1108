package netfw

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ruleMatch is a rule that is understood whole.
type ruleMatch struct {
	tests   []func(Packet) bool
	verdict Verdict
}

func (m ruleMatch) matches(p Packet) bool {
	return !slices.ContainsFunc(m.tests, func(t func(Packet) bool) bool { return !t(p) })
}

var verdicts = map[string]Verdict{"ACCEPT": Accept, "DROP": Drop, "RETURN": Return, "MASQUERADE": Accept}

// parseMatch understands the rules that waddled writes, in any spelling.
func parseMatch(f Family, text string) (ruleMatch, error) {
	var m ruleMatch
	words, err := splitWords(text)
	if err != nil {
		return m, fmt.Errorf("%q: %w", text, err)
	}
	opts, rest := readOptions(words)
	if len(rest) > 0 {
		return m, fmt.Errorf("%q: %q is not a match that waddled uses", text, strings.Join(rest, " "))
	}
	for _, o := range opts {
		test, err := m.option(f, o, opts)
		if err != nil {
			return m, fmt.Errorf("%q: %w", text, err)
		}
		if test == nil {
			continue
		}
		if o.not {
			m.tests = append(m.tests, func(p Packet) bool { return !test(p) })
		} else {
			m.tests = append(m.tests, test)
		}
	}
	if m.verdict == "" {
		return m, fmt.Errorf("%q: it has no target", text)
	}
	return m, nil
}

// option returns the test of an option, nil when it has none.
func (m *ruleMatch) option(f Family, o option, all []option) (func(Packet) bool, error) {
	unknown := func() error { return fmt.Errorf("%s is not something that waddled uses", o) }
	switch o.name {
	case "-j":
		v, ok := verdicts[o.value]
		if !ok || o.not || m.verdict != "" {
			return nil, unknown()
		}
		m.verdict = v
		return nil, nil
	case "-m":
		if _, ok := implied[o.value]; !ok || o.not {
			return nil, unknown()
		}
		return nil, nil
	case "--limit", "--limit-burst":
		if o.not {
			return nil, unknown()
		}
		return nil, nil // within its rate
	case "-i", "-o":
		if !interfaceName.MatchString(o.value) {
			return nil, unknown()
		}
		if o.name == "-i" {
			return func(p Packet) bool { return p.In == o.value }, nil
		}
		return func(p Packet) bool { return p.Out == o.value }, nil
	case "-s", "-d":
		return addressTest(f, o)
	case "-p":
		if !slices.Contains([]string{"tcp", "udp", "icmp", "ipv6-icmp"}, o.value) {
			return nil, unknown()
		}
		return func(p Packet) bool { return p.Proto == o.value }, nil
	case "--ctstate":
		return stateTest(o)
	case "--physdev-is-bridged":
		return func(p Packet) bool { return p.PhysOut != "" }, nil
	}
	return numberTest(o, all)
}

func addressTest(f Family, o option) (func(Packet) bool, error) {
	prefix, err := netip.ParsePrefix(o.value)
	if err != nil || prefix.Addr().Is4() != (f == IPv4) {
		return nil, fmt.Errorf("%s is not an address of family %s", o, f)
	}
	if o.name == "-s" {
		return func(p Packet) bool { return prefix.Contains(p.Src) }, nil
	}
	return func(p Packet) bool { return prefix.Contains(p.Dst) }, nil
}

var ctStates = []string{"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "DNAT"}

func stateTest(o option) (func(Packet) bool, error) {
	states := strings.Split(o.value, ",")
	for _, s := range states {
		if !slices.Contains(ctStates, s) {
			return nil, fmt.Errorf("%s: state %q is not one that waddled uses", o, s)
		}
	}
	return func(p Packet) bool {
		return slices.Contains(states, p.State) || p.DNAT && slices.Contains(states, "DNAT")
	}, nil
}

// numberTest is a port or an ICMP type; both need their protocol in the rule.
func numberTest(o option, all []option) (func(Packet) bool, error) {
	n, err := strconv.ParseUint(o.value, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s is not one number", o)
	}
	has := func(protos ...string) bool {
		return slices.ContainsFunc(all, func(x option) bool { return x.name == "-p" && !x.not && slices.Contains(protos, x.value) })
	}
	switch {
	case o.name == "--dport" && has("tcp", "udp"):
		return func(p Packet) bool { return p.DPort == uint16(n) }, nil
	case o.name == "--sport" && has("tcp", "udp"):
		return func(p Packet) bool { return p.SPort == uint16(n) }, nil
	case o.name == "--icmp-type" && has("icmp"), o.name == "--icmpv6-type" && has("ipv6-icmp"):
		return func(p Packet) bool { return uint64(p.ICMPType) == n }, nil
	}
	return nil, fmt.Errorf("%s needs its protocol, or is not something that waddled uses", o)
}

// matches is what the kernel makes of the rule's expressions.
func (r pinRule) matches(p Packet) bool {
	if r.port != "" && !strings.HasPrefix(p.PhysIn, strings.TrimSuffix(r.port, "*")) {
		return false
	}
	switch r.proto {
	case "":
		return true
	case pinIP, pinIP6:
		return isIP(p.Proto) && p.Src == r.addr
	}
	return p.Proto == r.proto && (!r.addr.IsValid() || p.Src == r.addr)
}
