package netfw

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// generator makes configurations of every kind, also such as Validate refuses.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func some[T any](g generator, most int, one func() T) []T {
	var out []T
	for range g.IntN(most + 1) {
		out = append(out, one())
	}
	return out
}

func (g generator) config() RuleConfig {
	c := RuleConfig{
		Parts: pick(g, AllParts, AllParts, AllParts, Part(g.IntN(int(AllParts)+2))), Profile: pick(g, Open, Initial, Lockdown, Lockdown, Emergency, Emergency),
		InternalBridge: g.name(), PublicBridge: g.name(),
		InternalCIDR: netip.PrefixFrom(g.v4(), 1+g.IntN(29)).Masked(), SSHPort: g.port(), InternalTCP: some(g, 5, g.port),
		Boot: pick(g, "", "", Initial, Lockdown, Open, Emergency), InternalOpen: g.IntN(3) == 0,
	}
	if g.IntN(3) == 0 {
		c.SSHFrom = some(g, 3, g.source)
	}
	inside := func() netip.Addr {
		if g.IntN(3) == 0 {
			return g.v6()
		}
		a := c.InternalCIDR.Addr()
		for range 1 + g.IntN(6) {
			a = a.Next()
		}
		return a
	}
	c.InternalAddress = pick(g, inside(), netip.Addr{})
	c.Zones = Zones{Zone{some(g, 3, inside), some(g, 4, g.port)}, Zone{some(g, 5, inside), some(g, 3, g.port)}}
	if c.Profile == Emergency {
		c.Exceptions = some(g, 3, func() Exception {
			return Exception{append(some(g, 3, g.source), g.source()), []uint16{pick(g, proxmoxPort, c.SSHPort), c.SSHPort}}
		})
	}
	if g.IntN(2) == 0 {
		c.Pins = map[int][]netip.Addr{}
		for range g.IntN(6) {
			c.Pins[pick(g, 100, 102, 100+g.IntN(999), 999999999, 100+g.IntN(999999899))] = some(g, 3, inside)
		}
	}
	return c
}

func (g generator) name() string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789"
	b := []byte{letters[g.IntN(len(letters))]}
	for range g.IntN(15) {
		const more = letters + "_.-"
		b = append(b, more[g.IntN(len(more))])
	}
	return pick(g, "vmbr0", "vmbr1", "eno1.4094", "all", "lo", string(b))
}

func (g generator) port() uint16 {
	return pick(g, 22, 8006, 1, 65535, 3260, uint16(1+g.IntN(65535)))
}

func (g generator) v4() netip.Addr {
	b := [4]byte{byte(g.IntN(256)), byte(g.IntN(256)), byte(g.IntN(256)), byte(g.IntN(256))}
	return pick(g, addr("10.10.0.0"), addr("127.0.0.0"), addr("255.255.255.255"), netip.AddrFrom4(b), netip.AddrFrom4(b))
}

func (g generator) v6() netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(pick(g, 0, 0, g.IntN(256)))
	}
	b[0] |= 0x20
	strange := pick(g, addr("::"), addr("ff02::1"), addr("::ffff:10.0.0.1"), addr("fe80::1%eth0"))
	return pick(g, addr("fd00::2"), addr("fe80::1"), pick(g, strange, addr("fd00::3"), addr("fd00::4")), netip.AddrFrom16(b), netip.AddrFrom16(b))
}

func (g generator) source() netip.Prefix {
	a := pick(g, g.v4(), g.v6().WithZone(""))
	return netip.PrefixFrom(a, g.IntN(a.BitLen()+1)).Masked()
}

// TestNoConfigurationMakesRulesThatAreRefused renders what Validate accepts of
// generated configurations and has iptables-restore and nft parse it, many at a
// time. WADDLE_GENERATED sets how many, or for how long: 100000, 10m.
func TestNoConfigurationMakesRulesThatAreRefused(t *testing.T) {
	ownNamespace(t)
	total, until := 4000, time.Time{}
	if s := os.Getenv("WADDLE_GENERATED"); s != "" {
		lasts, notTime := time.ParseDuration(s)
		n, notNumber := strconv.Atoi(s)
		switch {
		case notNumber == nil:
			total = n
		case notTime == nil:
			total, until = math.MaxInt, time.Now().Add(lasts)
		default:
			t.Fatalf("WADDLE_GENERATED=%s is neither a number nor a length of time", s)
		}
	}
	const batch = 500
	accepted, rules := 0, 0
	for start := 0; start < total && !t.Failed(); start += batch {
		if !until.IsZero() && time.Now().After(until) {
			total = start
			break
		}
		var in batches
		for seed := start; seed < min(start+batch, total); seed++ {
			c := generator{rand.New(rand.NewPCG(uint64(seed), 1))}.config()
			set, err := Rules(c)
			if err != nil {
				continue
			}
			accepted++
			rules += in.add(t, seed, set)
		}
		in.test(t)
	}
	t.Logf("%d configurations generated, %d accepted, %d rules parsed, none refused", total, accepted, rules)
	if accepted < total/10 {
		t.Errorf("only %d of %d accepted: the test proves little", accepted, total)
	}
}

func TestARefusedRuleIsSeenAmongMany(t *testing.T) {
	ownNamespace(t)
	set := allSets(t)["lockdown"]
	good := Render(set.V4)
	bad := bytes.Replace(good, []byte("--dport 3260"), []byte("--dport 66000"), 1)
	if err := parses("iptables-restore --noflush --test", merged([][]byte{good, good})); err != nil {
		t.Fatal(err)
	}
	if parses("iptables-restore --noflush --test", merged([][]byte{good, bad, good})) == nil {
		t.Error("port 66000 was taken")
	}
}

// batches are the files of many rule sets, by family.
type batches [3][][]byte

func (b *batches) add(t *testing.T, seed int, set RuleSet) int {
	t.Helper()
	n := 0
	for i, f := range []Family{IPv4, IPv6, BridgePins} {
		file := Render(set.Of(f))
		b[i] = append(b[i], file)
		got, err := ParseRules(f, file)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(set.Of(f), got); d != "" {
			t.Fatalf("seed %d: read back otherwise:\n%s", seed, d)
		}
		for _, c := range got {
			n += len(c.Rules)
		}
	}
	for _, p := range []Packet{{Family: IPv4, In: "x", PhysIn: "tap1i0"}, {Family: IPv6, In: "x", Out: "y"}} {
		if _, err := Decide(set, p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return n
}

func (b *batches) test(t *testing.T) {
	t.Helper()
	for i, command := range []string{"iptables-restore --noflush --test", "ip6tables-restore --noflush --test", "nft -c -f -"} {
		together := bytes.Join(b[i], nil)
		if i < 2 {
			together = merged(b[i])
		}
		if err := parses(command, together); err == nil {
			continue
		}
		for _, file := range b[i] {
			if err := parses(command, file); err != nil {
				t.Fatalf("%s: %v\n%s", command, err, file)
			}
		}
		t.Errorf("%s refuses %d files at once, and each alone not", command, len(b[i]))
	}
}

// merged is one transaction a table for many files, each with chains of its own:
// every transaction has iptables-restore list the kernel's rules again.
func merged(files [][]byte) []byte {
	tables := map[string]*strings.Builder{"filter": {}, "nat": {}}
	for i, file := range files {
		var in *strings.Builder
		for line := range strings.Lines(string(file)) {
			switch {
			case line[0] == '*':
				in = tables[strings.TrimSpace(line[1:])]
			case line[0] != '#' && line != "COMMIT\n":
				in.WriteString(own(line, i))
			}
		}
	}
	return []byte("*filter\n" + tables["filter"].String() + "COMMIT\n*nat\n" + tables["nat"].String() + "COMMIT\n")
}

// own gives our chains in the line a number.
func own(line string, i int) string {
	for _, name := range []string{inputChain, forwardChain, postroutingChain} {
		line = strings.ReplaceAll(line, name, fmt.Sprintf("%s-%d", name, i))
	}
	return line
}

func parses(command string, input []byte) error {
	w := strings.Fields(command)
	cmd := exec.Command(w[0], w[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
