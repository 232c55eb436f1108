package netfw

import (
	"bytes"
	"strings"
	"testing"
)

func TestSpellingsOfOneRule(t *testing.T) {
	for name, c := range map[string][2]string{
		"an implied match":              {"-p tcp --dport 22 -j ACCEPT", "-p tcp -m tcp --dport 22 -j ACCEPT"},
		"another order":                 {"-i lo -s 10.0.0.0/8 -j DROP", "-s 10.0.0.0/8 -i lo -j DROP"},
		"the older state match":         {"-m state --state NEW,RELATED -j DROP", "-m conntrack --ctstate RELATED,NEW -j DROP"},
		"a netmask in dots":             {"-s 10.10.0.0/255.255.255.0 -j DROP", "-s 10.10.0.0/24 -j DROP"},
		"a host without a mask":         {"-d 10.10.0.2 -j DROP", "-d 10.10.0.2/32 -j DROP"},
		"every source":                  {"-s 0.0.0.0/0 -p all -j DROP", "-j DROP"},
		"a protocol by number":          {"-p 6 --dport 1 -j DROP", "-p tcp -m tcp --dport 1 -j DROP"},
		"ICMPv6 by its other name":      {"-p icmpv6 --icmpv6-type packet-too-big -j ACCEPT", "-p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT"},
		"an ICMP type by name":          {"-p icmp --icmp-type echo-request -j ACCEPT", "-p icmp -m icmp --icmp-type 8 -j ACCEPT"},
		"a limit's unit":                {"-m limit --limit 50/second --limit-burst 100 -j ACCEPT", "-m limit --limit 50/sec --limit-burst 100 -j ACCEPT"},
		"the exclamation mark inside":   {"-s ! 10.0.0.0/8 -j DROP", "! -s 10.0.0.0/8 -j DROP"},
		"long options":                  {"--source 10.0.0.0/8 --in-interface lo --jump DROP", "-s 10.0.0.0/8 -i lo -j DROP"},
		"an unknown match stays itself": {"-m set --match-set a src -j DROP", "-m set --match-set a src -j DROP"},
	} {
		if a, b := normalText(c[0]), normalText(c[1]); a != b {
			t.Errorf("%s: %q and %q become\n%s\n%s", name, c[0], c[1], a, b)
		}
	}
}

func TestRulesThatAreNotTheSame(t *testing.T) {
	for name, c := range map[string][2]string{
		"a negation":          {"-s 10.0.0.0/8 -j DROP", "! -s 10.0.0.0/8 -j DROP"},
		"another port":        {"-p tcp --dport 22 -j DROP", "-p tcp --dport 23 -j DROP"},
		"source and port":     {"-p tcp --dport 22 -j DROP", "-p tcp --sport 22 -j DROP"},
		"another protocol":    {"-p tcp --dport 22 -j DROP", "-p udp --dport 22 -j DROP"},
		"jump and goto":       {"-j X", "-g X"},
		"one state more":      {"-m state --state NEW -j DROP", "-m state --state NEW,RELATED -j DROP"},
		"something unknown":   {"-j DROP", "-m recent --set -j DROP"},
		"a comment":           {"-j DROP", `-m comment --comment x -j DROP`},
		"in and out":          {"-i lo -j DROP", "-o lo -j DROP"},
		"a wider network":     {"-s 10.10.0.0/24 -j DROP", "-s 10.10.0.0/16 -j DROP"},
		"not every source":    {"! -s 0.0.0.0/0 -j DROP", "-j DROP"},
		"a bare limit":        {"-m limit -j DROP", "-j DROP"},
		"a missing last word": {"-j", "-j DROP"},
	} {
		if a := normalText(c[0]); a == normalText(c[1]) {
			t.Errorf("%s: %q and %q both become %s", name, c[0], c[1], a)
		}
	}
}

func TestWhatIptablesSaveDoesNotPrint(t *testing.T) {
	for text, want := range map[string]string{
		"-A INPUT -j DROP\n":                         "no table before it",
		"*filter\n:INPUT ACCEPT [0:0]\n":             "was not committed",
		"*filter\n*nat\nCOMMIT\n":                    "was not committed",
		"*filter\n:INPUT\nCOMMIT\n":                  "a chain has a name and a policy",
		"*filter\n:A - [0:0]\n:A - [0:0]\nCOMMIT\n":  "is there twice",
		"*filter\n[1:x] -A INPUT -j DROP\nCOMMIT\n":  "counters are",
		"*filter\n-R INPUT 1 -j DROP\nCOMMIT\n":      "only -A and -I",
		"*filter\n-I INPUT -j DROP\nCOMMIT\n":        "an insert has a position",
		"*filter\n-A INPUT -m \"x -j DROP\nCOMMIT\n": "a quote is not closed",
	} {
		if _, err := parseSave(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line") && !strings.Contains(err.Error(), "cut off") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestJudgeAStanza(t *testing.T) {
	for name, c := range map[string]struct{ stanza, other string }{
		"Proxmox' own way":            {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n bridge-stp off\n bridge-fd 0\n", ""},
		"the old way":                 {"iface vmbr1 inet static\n address 10.10.0.1\n netmask 255.255.255.0\n broadcast 10.10.0.255\n network 10.10.0.0\n bridge_ports none\n", ""},
		"a prefix length":             {"iface vmbr1 inet static\n address 10.10.0.1\n netmask 24\n bridge-ports none\n", ""},
		"ifupdown2's short form":      {"iface vmbr1\n address 10.10.0.1/24\n bridge-ports none\n", ""},
		"a sysctl hook":               {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n up /sbin/sysctl -w net.ipv4.ip_forward=1\n", ""},
		"a continued line":            {"iface vmbr1 inet static\n address \\\n  10.10.0.1/24\n bridge-ports none\n", ""},
		"another address":             {"iface vmbr1 inet static\n address 10.10.0.2/24\n bridge-ports none\n", "address 10.10.0.2/24; no address 10.10.0.1/24"},
		"another mask":                {"iface vmbr1 inet static\n address 10.10.0.1\n netmask 255.255.0.0\n bridge-ports none\n", "address 10.10.0.1/16; no address 10.10.0.1/24"},
		"no mask":                     {"iface vmbr1 inet static\n address 10.10.0.1\n bridge-ports none\n", "address 10.10.0.1/32; no address 10.10.0.1/24"},
		"a mask with a gap":           {"iface vmbr1 inet static\n address 10.10.0.1\n netmask 255.0.255.0\n bridge-ports none\n", "netmask 255.0.255.0 has a gap"},
		"a mask too long":             {"iface vmbr1 inet static\n address 10.10.0.1\n netmask 64\n bridge-ports none\n", "netmask /64 does not fit"},
		"a physical port":             {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports eno2\n", "bridge-ports eno2"},
		"no bridge":                   {"iface vmbr1 inet static\n address 10.10.0.1/24\n", "no bridge-ports line"},
		"DHCP":                        {"iface vmbr1 inet dhcp\n bridge-ports none\n", "method dhcp"},
		"IPv6":                        {"iface vmbr1 inet6 static\n address 10.10.0.1/24\n bridge-ports none\n", "family inet6"},
		"masquerade of another range": {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n post-up iptables -t nat -A POSTROUTING -s 10.20.0.0/24 -o vmbr0 -j MASQUERADE\n", "post-up iptables"},
		"masquerade out of another":   {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n post-up iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o eno1 -j MASQUERADE\n", "-o eno1"},
		"an unknown hook":             {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n post-up /usr/local/bin/site\n", "post-up /usr/local/bin/site"},
		"our MAC":                     {"iface vmbr1 inet static\n address 10.10.0.1/24\n hwaddress ether 02:00:0A:0A:00:01\n bridge-ports none\n", ""},
		"another MAC":                 {"iface vmbr1 inet static\n address 10.10.0.1/24\n hwaddress 02:11:22:33:44:55\n bridge-ports none\n", "hwaddress 02:11:22:33:44:55"},
		"STP on":                      {"iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n bridge-stp on\n", "bridge-stp on"},
	} {
		f := parseInterfaces([]byte(c.stanza))
		if len(f.stanzas) != 1 {
			t.Fatalf("%s: %d stanzas", name, len(f.stanzas))
		}
		got := strings.Join(judge(f.stanzas[0], planBridge()), "; ")
		if c.other == "" && got != "" || !strings.Contains(got, c.other) {
			t.Errorf("%s: %q, want %q", name, got, c.other)
		}
	}
}

func TestWithoutLeavesEveryOtherByte(t *testing.T) {
	for name, c := range map[string][2]string{
		"alone":                   {"auto vmbr1\niface vmbr1 inet static\n\taddress 1\n", ""},
		"in the middle":           {"auto a\n\niface vmbr1\n x 1\n\nauto b\n", "auto a\n\n\nauto b\n"},
		"among others in auto":    {"auto  lo\tvmbr1 vmbr2  # x\n", "auto  lo vmbr2  # x\n"},
		"a longer name":           {"auto vmbr10\niface vmbr10 inet manual\n", "auto vmbr10\niface vmbr10 inet manual\n"},
		"no newline at the end":   {"iface lo inet loopback\niface vmbr1 inet manual", "iface lo inet loopback\n"},
		"windows line ends":       {"auto lo\r\nauto vmbr1\r\niface vmbr1 inet static\r\n", "auto lo\r\n"},
		"twice":                   {"iface vmbr1\n a 1\niface lo\n b 2\niface vmbr1\n c 3\n", "iface lo\n b 2\n"},
		"a mapping ends a stanza": {"iface vmbr1\n a 1\nmapping eth0\n script x\n", "mapping eth0\n script x\n"},
	} {
		if got := string(parseInterfaces([]byte(c[0])).without("vmbr1")); got != c[1] {
			t.Errorf("%s: %q, want %q", name, got, c[1])
		}
	}
}

func FuzzInterfaces(f *testing.F) {
	for _, s := range []string{byHand, plainInterfaces, "auto \\\n vmbr1\niface vmbr1 \\", "iface\nauto\nsource\n", "#\\\niface vmbr1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := parseInterfaces(b)
		left := p.without("vmbr1")
		if !isSubsequence(left, b) {
			t.Errorf("something was added: %q from %q", left, b)
		}
		if len(p.stanzas) == 0 && len(p.autos) == 0 && !bytes.Equal(left, b) {
			t.Errorf("nothing is there, yet %q became %q", b, left)
		}
		for _, s := range p.stanzas {
			if s.start < 0 || s.end > len(b) || s.start >= s.end {
				t.Errorf("stanza at %d to %d of %d bytes", s.start, s.end, len(b))
			}
			_ = judge(s, planBridge())
		}
	})
}

func isSubsequence(part, whole []byte) bool {
	for _, b := range whole {
		if len(part) > 0 && part[0] == b {
			part = part[1:]
		}
	}
	return len(part) == 0
}

func FuzzSave(f *testing.F) {
	set, _ := Rules(planConfig())
	f.Add(string(Render(set.V4)))
	f.Add("*filter\n:INPUT ACCEPT [1:2]\n[3:4] -A INPUT -m comment --comment \"a \\\" b\" ! -s 10.0.0.0/8 -j DROP\nCOMMIT\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseSave(s)
		if err != nil {
			return
		}
		for _, table := range got {
			for _, c := range table.chains {
				for _, r := range c.rules {
					if again := normalOf(r.text); again != r.normal {
						t.Errorf("%q is once %q, once %q", r.text, r.normal, again)
					}
				}
			}
		}
		withoutAdoptable([]byte(s), planConfig(), set.V4)
		withoutOn([]byte(s))
	})
}
