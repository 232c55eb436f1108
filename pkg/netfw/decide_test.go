package netfw

import (
	"strings"
	"testing"
)

func TestDecideNeverGuesses(t *testing.T) {
	for _, rule := range []string{
		"-m recent --set -j DROP", "-m set --match-set a src -j DROP", "-g X", "-j X", "-j LOG", "-i lo", "-p sctp -j DROP",
		"--dport 22 -j ACCEPT", "-p udp --icmp-type 8 -j ACCEPT", "-p tcp --dport 22:23 -j ACCEPT", "-i eth+ -j ACCEPT",
		"-s example.org -j DROP", "-s 2001:db8::/64 -j DROP", "-m conntrack --ctstate SNAT -j DROP", "! -m tcp -j DROP",
		"! -j DROP", "-j DROP -j ACCEPT", `-m comment --comment "x" -j DROP`, `-i "lo`, "-p icmp --icmp-type any -j ACCEPT", "",
	} {
		set := RuleSet{V4: []Chain{{PartInput, "filter", inputChain, "INPUT", []string{rule, "-j DROP"}}}}
		d, err := Decide(set, Packet{Family: IPv4, In: "eth0", Proto: "tcp", DPort: 22, State: "NEW"})
		if err == nil || !strings.Contains(err.Error(), "chain WADDLE-INPUT, rule 1") {
			t.Errorf("%q: decided %v, %v", rule, d, err)
		}
	}
	pins := RuleSet{Pins: []Chain{{PartPins, pinTable, pinChain, pinHook, []string{"ether saddr 02:00:00:00:00:01 drop"}}}}
	if d, err := Decide(pins, Packet{Family: IPv4, In: "vmbr1", PhysIn: "tap1i0"}); err == nil {
		t.Errorf("a strange pin: decided %v", d)
	}
}

func TestDecideNamesTheRule(t *testing.T) {
	set := allSets(t)["lockdown"]
	for name, row := range map[string]struct {
		p    Packet
		want Decision
	}{
		"the internet's SSH": {
			Packet{Family: IPv4, In: "vmbr0", Src: addr("203.0.113.1"), Dst: addr("203.0.113.10"), Proto: "tcp", DPort: 22, State: "NEW"},
			Decision{Drop, inputChain, len(set.V4[0].Rules) - 1, "-j DROP"},
		},
		"an answer": {
			Packet{Family: IPv6, In: "vmbr0", Proto: "tcp", State: "ESTABLISHED"},
			Decision{Accept, inputChain, 1, "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"},
		},
		"a stolen address": {
			Packet{Family: IPv4, In: "vmbr1", PhysIn: "tap666i0", Src: addr("10.10.0.1"), Proto: "tcp", State: "NEW"},
			Decision{Drop, pinChain, 5, "meta protocol ip ip saddr 10.10.0.1 counter drop"},
		},
		"a port whose number only begins alike": {
			Packet{Family: IPv4, In: "vmbr1", PhysIn: "tap1021i0", Src: addr("10.10.0.2"), Proto: "tcp", State: "NEW"},
			Decision{Drop, pinChain, 9, "meta protocol ip ip saddr 10.10.0.2 counter drop"},
		},
		"what the host sends": {
			Packet{Family: IPv4, Out: "vmbr0", Proto: "tcp", State: "NEW"},
			Decision{Return, "", -1, ""},
		},
		"what only rules of others decide": {
			Packet{Family: IPv4, In: "vmbr2", Out: "vmbr3", Proto: "tcp", State: "NEW"},
			Decision{Return, forwardChain, -1, ""},
		},
	} {
		if got, err := Decide(set, row.p); err != nil || got != row.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
