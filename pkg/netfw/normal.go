package netfw

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// option is one option of a rule, as far as it is understood.
type option struct {
	not   bool
	name  string
	value string
}

func (o option) String() string {
	s := o.name
	if o.value != "" {
		s += " " + strconv.Quote(o.value)
	}
	if o.not {
		s = "! " + s
	}
	return s
}

// longNames are the spellings of an option that is printed the short way.
var longNames = map[string]string{
	"--source": "-s", "--src": "-s", "--destination": "-d", "--dst": "-d",
	"--in-interface": "-i", "--out-interface": "-o", "--protocol": "-p", "--proto": "-p",
	"--jump": "-j", "--goto": "-g", "--match": "-m",
	"--destination-port": "--dport", "--source-port": "--sport",
	"--state": "--ctstate", // xt_state is xt_conntrack's older name
}

// plain are the options that we read; every one takes one value but those of
// flags. An option that is not here, and all that follows it, is compared as
// it is printed.
var plain = map[string]bool{
	"-s": true, "-d": true, "-i": true, "-o": true, "-p": true, "-j": true, "-g": true, "-m": true,
	"--dport": true, "--sport": true, "--ctstate": true, "--icmp-type": true, "--icmpv6-type": true,
	"--limit": true, "--limit-burst": true,
}

var flags = map[string]bool{"--physdev-is-bridged": true, "-4": true, "-6": true}

// implied are matches that say nothing beyond the options which need them.
var implied = map[string]string{
	"tcp": "", "udp": "", "icmp": "", "icmp6": "", "icmpv6": "",
	"state": "--ctstate", "conntrack": "--ctstate", "limit": "--limit", "physdev": "--physdev-is-bridged",
}

// normalize returns what the spellings of one rule have in common, so that
// another version of iptables, or a person, that writes the same rule otherwise
// does not show as drift.
func normalize(words []string) string {
	opts, rest := readOptions(words)
	opts = slices.DeleteFunc(opts, func(o option) bool { return meansNothing(o, opts) })
	s := make([]string, len(opts))
	for i, o := range opts {
		s[i] = o.String()
	}
	slices.Sort(s)
	for _, w := range rest {
		s = append(s, strconv.Quote(w))
	}
	return strings.Join(s, " ")
}

func readOptions(words []string) (opts []option, rest []string) {
	for i := 0; i < len(words); {
		start := i
		not := words[i] == "!"
		if not {
			i++
		}
		if i >= len(words) {
			return opts, words[start:]
		}
		name := words[i]
		if short, ok := longNames[name]; ok {
			name = short
		}
		switch {
		case flags[name]:
			opts = append(opts, option{not: not, name: name})
			i++
		case plain[name] && i+1 < len(words):
			value := words[i+1]
			if value == "!" && i+2 < len(words) { // the old way: -s ! 10.0.0.0/8
				not, value = !not, words[i+2]
				i++
			}
			opts = append(opts, option{not, name, normalValue(name, value)})
			i += 2
		default:
			return opts, words[start:]
		}
	}
	return opts, nil
}

func normalValue(name, v string) string {
	switch name {
	case "-s", "-d":
		return normalAddress(v)
	case "-p":
		return either(protocols, strings.ToLower(v))
	case "--icmp-type":
		return either(icmpTypes, v)
	case "--icmpv6-type":
		return either(icmp6Types, v)
	case "--ctstate":
		states := strings.Split(v, ",")
		slices.Sort(states)
		return strings.Join(states, ",")
	case "--limit":
		n, unit, ok := strings.Cut(v, "/")
		if ok && unit != "" && strings.HasPrefix("second", unit) {
			return n + "/sec"
		}
	}
	return v
}

func either(names map[string]string, v string) string {
	if n, ok := names[v]; ok {
		return n
	}
	return v
}

var protocols = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp", "icmp6": "ipv6-icmp", "0": "all"}

var icmpTypes = map[string]string{
	"destination-unreachable": "3", "echo-request": "8", "ping": "8",
	"time-exceeded": "11", "ttl-exceeded": "11", "parameter-problem": "12",
}

var icmp6Types = map[string]string{
	"destination-unreachable": "1", "packet-too-big": "2", "time-exceeded": "3", "ttl-exceeded": "3",
	"parameter-problem": "4", "echo-request": "128", "ping": "128", "echo-reply": "129", "pong": "129",
	"router-solicitation": "133", "router-advertisement": "134",
	"neighbour-solicitation": "135", "neighbor-solicitation": "135",
	"neighbour-advertisement": "136", "neighbor-advertisement": "136",
}

func normalAddress(v string) string {
	addr, mask, hasMask := strings.Cut(v, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return v
	}
	bits := a.BitLen()
	if hasMask {
		if bits, err = maskBits(mask); err != nil {
			return v
		}
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return v
	}
	return p.String()
}

func meansNothing(o option, all []option) bool {
	switch o.name {
	case "-s", "-d":
		return !o.not && (o.value == "0.0.0.0/0" || o.value == "::/0")
	case "-p":
		return !o.not && o.value == "all"
	case "-m":
		needs, ok := implied[o.value]
		return ok && (needs == "" || slices.ContainsFunc(all, func(x option) bool { return x.name == needs }))
	}
	return false
}

// normalText normalizes a rule that we wrote ourselves.
func normalText(rule string) string { return normalize(strings.Fields(rule)) }

// ruleOptions gives the readable part of a rule, for what asks about its target.
func ruleOptions(text string) []option {
	words, err := splitWords(text)
	if err != nil {
		return nil
	}
	opts, _ := readOptions(words)
	return opts
}
