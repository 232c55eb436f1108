package netfw

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The files of pve-firewall (pve-docs, chapter Firewall).
const (
	pveCluster = "/etc/pve/firewall/cluster.fw"
	pveHost    = "/etc/pve/local/host.fw"
)

// pveRule is a rule of pve-firewall for what comes in to the host, as far as it
// can be compared with ours.
type pveRule struct {
	file, text string
	accept     bool
	source     netip.Addr // invalid: any
	port       uint16     // of TCP
}

// lookPVE says what of pve-firewall contradicts ours: it is asked after them, so
// where ours decide its rules have no effect.
func (d *Driver) lookPVE(f *Finding, cfg RuleConfig, set RuleSet) error {
	on, rules, err := d.readPVE()
	if err != nil || !on {
		return err
	}
	f.note("pve-firewall is switched on in %s: its rules for the host are asked after ours, which end with a drop", pveCluster)
	for _, r := range rules {
		p := Packet{Family: IPv4, In: cfg.PublicBridge, Src: r.source, Proto: "tcp", DPort: r.port, State: "NEW"}
		if r.source.Is6() {
			p.Family = IPv6
		}
		if cfg.InternalCIDR.Contains(r.source) {
			p.In = cfg.InternalBridge
		}
		ours, err := Decide(set, p)
		if err != nil {
			return err
		}
		if ours.Verdict == Accept && !r.accept || ours.Verdict == Drop && r.accept {
			f.note("%s: pve-firewall's rule %q contradicts ours, which are asked first and say %s (%s); remove it, or change the platform file", r.file, r.text, ours.Verdict, ours.Text)
		}
	}
	return nil
}

// readPVE returns whether pve-firewall filters this host, and its rules for it.
func (d *Driver) readPVE() (bool, []pveRule, error) {
	cluster, _, err := d.read(pveCluster)
	if err != nil {
		return false, nil, err
	}
	host, _, err := d.read(pveHost)
	if err != nil {
		return false, nil, err
	}
	// Off until the cluster's file switches it on; a host can opt out.
	if pveOption(cluster, "enable") != "1" || pveOption(host, "enable") == "0" {
		return false, nil, nil
	}
	return true, append(pveRules(pveHost, host), pveRules(pveCluster, cluster)...), nil
}

// pveSection returns the lines of a section without comments.
func pveSection(file []byte, name string) []string {
	var out []string
	in := false
	for line := range strings.Lines(string(file)) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			in = strings.EqualFold(line, "["+name+"]")
		} else if in && line != "" {
			out = append(out, line)
		}
	}
	return out
}

func pveOption(file []byte, name string) string {
	for _, l := range pveSection(file, "OPTIONS") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// pveRules reads the rules that name a TCP port, or one of the macros that do.
func pveRules(file string, content []byte) []pveRule {
	var out []pveRule
	for _, line := range pveSection(content, "RULES") {
		w := strings.Fields(line)
		if len(w) < 2 || w[0] != "IN" { // a switched-off one begins with |
			continue
		}
		if r, ok := readPVERule(w); ok {
			r.file, r.text = file, line
			out = append(out, r)
		}
	}
	return out
}

func readPVERule(w []string) (pveRule, bool) {
	var r pveRule
	action := w[1]
	if macro, inner, ok := strings.Cut(action, "("); ok {
		r.port = map[string]uint16{"SSH": 22, "HTTPS": 443, "HTTP": 80}[macro]
		action = strings.TrimSuffix(inner, ")")
	}
	r.accept = action == "ACCEPT"
	if !slices.Contains([]string{"ACCEPT", "DROP", "REJECT"}, action) {
		return r, false
	}
	for i := 2; i+1 < len(w); i++ {
		switch strings.TrimLeft(w[i], "-") {
		case "dport":
			n, err := strconv.ParseUint(w[i+1], 10, 16)
			if err != nil {
				return r, false
			}
			r.port = uint16(n)
		case "p", "proto":
			if w[i+1] != "tcp" {
				return r, false
			}
		case "source":
			p, err := netip.ParsePrefix(w[i+1])
			if err != nil {
				a, err := netip.ParseAddr(w[i+1])
				if err != nil {
					return r, false // an alias or a set
				}
				p = netip.PrefixFrom(a, a.BitLen())
			}
			r.source = p.Addr()
		case "i", "iface":
			return r, false
		}
	}
	return r, r.port != 0
}
