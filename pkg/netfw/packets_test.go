package netfw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// site is a host between an internet and two VMs, with the host's services and
// a web server out there.
type site struct {
	*host
	internet, vm, vm2 *peer
}

// newSite builds the links but not what the driver makes. The bridge to the
// outside has addresses of both families.
func newSite(t testing.TB) *site {
	h := newHost(t)
	run(t, `ip link add vmbr0 type bridge; ip addr add 203.0.113.10/24 dev vmbr0
		sysctl -qw net.ipv6.conf.vmbr0.accept_dad=0; ip link set vmbr0 up; ip addr add 2001:db8::10/64 dev vmbr0 nodad`)
	s := &site{host: h, internet: newPeer(t, "up0", "vmbr0", "203.0.113.1/24", "2001:db8::1/64 nodad", "198.51.100.7/32")}
	s.internet.run("ip route add 10.10.0.0/24 via 203.0.113.10")
	for _, port := range []int{22, 8006, 3260, 7743, 9999} {
		serve(t, fmt.Sprintf("[::]:%d", port)) // both families
	}
	s.internet.serve("[::]:80")
	return s
}

// plugVMs plugs two VMs into vmbr1.
func (s *site) plugVMs() {
	s.vm = newPeer(s.t, "tap110i0", "vmbr1", "10.10.0.10/24", "fd00::10/64 nodad")
	s.vm2 = newPeer(s.t, "tap111i0", "vmbr1", "10.10.0.11/24", "fd00::11/64 nodad")
	for _, p := range []*peer{s.vm, s.vm2} {
		p.run("ip route add default via 10.10.0.1")
		p.serve("[::]:2379")
	}
	s.waitForPorts()
}

// waitForPorts waits until the bridges forward.
func (s *site) waitForPorts() {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.vm.reaches("10.10.0.11:2379", false) { // soon, but not at the first attempt
			return
		}
	}
	s.t.Fatal("the VMs do not reach each other")
}

// applyAll applies phases 0 and 1.
func (s *site) applyAll(c Consent) {
	s.t.Helper()
	s.applyRules(phase0(), c)
	s.applyBridge(c)
	s.applyForwarding(c)
	s.applyRules(phase1(), c)
}

type probe struct {
	from string
	to   string
	want bool
}

// probes is who may reach what in the initial profile.
var probes = []probe{
	{"internet", "203.0.113.10:22", true}, {"internet", "[2001:db8::10]:22", true},
	{"internet", "203.0.113.10:8006", false}, {"internet", "[2001:db8::10]:8006", false},
	{"internet", "203.0.113.10:3260", false}, {"internet", "[2001:db8::10]:3260", false},
	{"internet", "203.0.113.10:7743", false}, {"internet", "[2001:db8::10]:7743", false},
	{"internet", "203.0.113.10:9999", false}, {"internet", "[2001:db8::10]:9999", false},
	// the internal address from outside: the kernel would answer
	{"internet", "10.10.0.1:22", false}, {"internet", "10.10.0.1:8006", false},
	{"internet", "10.10.0.10:2379", false}, {"internet", "10.10.0.11:2379", false},
	{"vm", "10.10.0.1:22", true}, {"vm", "10.10.0.1:8006", true}, {"vm", "10.10.0.1:3260", true},
	{"vm", "10.10.0.1:7743", true}, {"vm", "10.10.0.1:9999", false},
	{"vm", "203.0.113.1:80", true}, {"vm", "10.10.0.11:2379", true}, {"vm", "[fd00::11]:2379", true},
	{"vm2", "10.10.0.10:2379", true},
}

func (s *site) peerOf(name string) *peer {
	return map[string]*peer{"internet": s.internet, "vm": s.vm, "vm2": s.vm2}[name]
}

func (s *site) probeAll() {
	s.t.Helper()
	for _, p := range probes {
		if got := s.peerOf(p.from).reaches(p.to, p.want); got != p.want {
			s.t.Errorf("%s to %s: reached %t, want %t", p.from, p.to, got, p.want)
		}
	}
}

func TestRealPackets(t *testing.T) {
	for _, callIptables := range []string{"0", "1"} {
		t.Run("bridge-nf-call-iptables "+callIptables, func(t *testing.T) {
			s := newSite(t)
			run(t, fmt.Sprintf("sysctl -qw net.bridge.bridge-nf-call-iptables=%[1]s net.bridge.bridge-nf-call-ip6tables=%[1]s", callIptables))
			for _, a := range []string{"203.0.113.10:8006", "[2001:db8::10]:8006"} {
				if !s.internet.reaches(a, true) {
					t.Fatalf("%s is closed before anything of ours is there: the test would prove nothing", a)
				}
			}
			s.applyAll(Consent{})
			s.plugVMs()
			s.probeAll()
			for from, to := range map[*peer]string{s.internet: "203.0.113.10", s.vm: "10.10.0.1", s.vm2: "10.10.0.10"} {
				if !from.pings(to, true) {
					t.Errorf("%s does not answer a ping", to)
				}
			}
			if !s.internet.pings("2001:db8::10", true) {
				t.Error("2001:db8::10 does not answer a ping")
			}
			if s.internet.pings("10.10.0.1", false) || s.internet.pings("10.10.0.10", false) {
				t.Error("the internal network answers a ping from outside")
			}
			equal(t, "what the internet's server saw of the VM", "203.0.113.10", s.vm.greeting("203.0.113.1:80"))
			equal(t, "what a VM saw of the other", "10.10.0.10", s.vm.greeting("10.10.0.11:2379"))
			t.Logf("%d connections tried", len(probes))
		})
	}
}

// greeting returns whom the server at address saw.
func (p *peer) greeting(address string) string {
	var got string
	err := p.do(func() error {
		c, err := net.DialTimeout("tcp", address, atOnce)
		if err != nil {
			return err
		}
		defer c.Close()
		b := make([]byte, 100)
		n, err := c.Read(b)
		got = strings.TrimPrefix(strings.TrimSpace(string(b[:n])), "::ffff:")
		return err
	})
	if err != nil {
		p.t.Errorf("cannot reach %s: %v", address, err)
	}
	return got
}

func TestANeighbourCannotPretendToBeInside(t *testing.T) {
	s := newSite(t)
	s.applyAll(Consent{})
	s.plugVMs()
	// 10.10.0.99 on the public side; the way back would be over vmbr1, so the
	// counter of the rule is what shows that the packet came to its end.
	s.internet.run("ip addr add 10.10.0.99/32 dev eth0; ip route replace 203.0.113.10 dev eth0 src 10.10.0.99")
	run(t, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vmbr0.rp_filter=0")
	if s.internet.reaches("203.0.113.10:22", false) {
		t.Error("a spoofed connection came about")
	}
	seen, err := s.Seen(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range seen.Chains {
		for _, r := range c.Rules {
			if r.Rule == "-s 10.10.0.0/24 ! -i vmbr1 -j DROP" && r.Packets > 0 {
				return
			}
		}
	}
	t.Error("the rule against spoofed sources counted nothing")
}

// transfer echoes over one connection until it is stopped.
type transfer struct {
	conn   net.Conn
	ends   []func(func() error) error // run something in the client's and in the server's namespace
	port   uint16                     // the server's
	done   chan error
	stop   chan struct{}
	echoes int
}

// transfer is to a server in the namespace in which the function to runs what it is given.
func (p *peer) transfer(address string, to func(func() error) error) *transfer {
	p.t.Helper()
	tr := &transfer{ends: []func(func() error) error{p.do, to}, port: netip.MustParseAddrPort(address).Port(),
		done: make(chan error, 1), stop: make(chan struct{})}
	err := p.do(func() (err error) {
		tr.conn, err = net.DialTimeout("tcp", address, atOnce)
		return err
	})
	if err != nil {
		p.t.Fatalf("no transfer from %s: %v", address, err)
	}
	go func() { tr.done <- tr.run() }()
	return tr
}

func (tr *transfer) run() error {
	greeting := make([]byte, 1)
	for greeting[0] != '\n' {
		if _, err := io.ReadFull(tr.conn, greeting); err != nil {
			return err
		}
	}
	block := make([]byte, 16<<10)
	for {
		select {
		case <-tr.stop:
			return nil
		default:
		}
		if err := tr.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return err
		}
		if _, err := tr.conn.Write(block); err != nil {
			return err
		}
		if _, err := io.ReadFull(tr.conn, block); err != nil {
			return err
		}
		tr.echoes++
		time.Sleep(time.Millisecond)
	}
}

// finish wants that the connection lost nothing on the way.
func (tr *transfer) finish(t testing.TB, what string) {
	t.Helper()
	defer tr.conn.Close()
	close(tr.stop)
	if err := <-tr.done; err != nil {
		t.Errorf("%s broke after %d echoes: %v", what, tr.echoes, err)
		return
	}
	if tr.echoes < 10 {
		t.Errorf("%s: only %d echoes: the test proves nothing", what, tr.echoes)
	}
	var again, twice int
	for end := time.Now().Add(atOnce); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if again, twice, err = tr.repeated(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if again <= twice || time.Now().After(end) {
			break
		}
	}
	t.Logf("%s: %d echoes of 16 KiB, %d segments sent again, %d of them had arrived before", what, tr.echoes, again, twice)
	if again > twice {
		t.Errorf("%s lost %d segments on the way", what, again-twice)
	}
}

// repeated returns how many segments both ends sent again, and how many of these
// had arrived before, as the receiver says in a duplicate SACK (RFC 2883). On a
// busy machine an acknowledgement comes late and a segment is sent in vain; one
// that was dropped on the way is missing from the second count.
func (tr *transfer) repeated() (again, twice int, err error) {
	for i, in := range tr.ends {
		found := 0
		err := in(func() error {
			for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
				sockets, err := netlink.SocketDiagTCPInfo(family)
				if err != nil {
					return fmt.Errorf("cannot ask for the sockets: %w", err)
				}
				for _, s := range sockets {
					id := s.InetDiagMsg.ID
					if s.TCPInfo == nil || s.InetDiagMsg.State != netlink.TCP_ESTABLISHED || []uint16{id.DestinationPort, id.SourcePort}[i] != tr.port {
						continue
					}
					found++
					again += int(s.TCPInfo.Total_retrans)
					twice += int(s.TCPInfo.Dsack_dups)
				}
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
		if found == 0 {
			return 0, 0, fmt.Errorf("the connection's end %d of 2 is not to be found", i+1)
		}
	}
	return again, twice, nil
}

// here runs f in the test's own namespace.
func here(f func() error) error { return f() }

func TestATransferThroughNATSurvivesAppliesAndRepairs(t *testing.T) {
	s := newSite(t)
	s.applyAll(Consent{})
	s.plugVMs()
	nat := s.vm.transfer("203.0.113.1:80", s.internet.do)
	ssh := s.internet.transfer("203.0.113.10:22", here)
	for i := range 5 {
		run(t, "iptables -D WADDLE-FORWARD -o vmbr1 -j DROP; ip6tables -A WADDLE-INPUT -j ACCEPT; iptables -t nat -F WADDLE-POSTROUTING")
		cfg := planConfig()
		cfg.InternalTCP = append(cfg.InternalTCP, uint16(5000+i))
		s.applyRules(cfg, Consent{})
	}
	nat.finish(t, "a transfer through NAT")
	ssh.finish(t, "an SSH connection")
}

// typedByHand is phase 0 and 1 of the plan, literally, and what an operator adds
// to make it last.
const typedByHand = `
iptables -A INPUT -p tcp --dport 8006 -j DROP
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -j DROP
iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j MASQUERADE` + typedLinks

const typedLinks = `
ip link add vmbr1 type bridge; ip addr add 10.10.0.1/24 dev vmbr1; ip link set vmbr1 up
sysctl -qw net.ipv4.ip_forward=1`

func (s *site) typeByHand() {
	run(s.t, typedByHand)
	s.typeFiles()
}

func (s *site) typeFiles() {
	s.write(interfacesFile, byHand)
	s.write(sysctlConf, "net.ipv4.ip_forward=1\n")
	s.write("/etc/iptables/rules.v4", run(s.t, "iptables-save | sed 's: on .*::'"))
}

func TestAHostThatFollowedThePlanByHandIsAdopted(t *testing.T) {
	s := newSite(t)
	s.typeByHand()
	s.plugVMs()
	before := s.state()
	persisted := s.content("/etc/iptables/rules.v4")
	nat := s.vm.transfer("203.0.113.1:80", s.internet.do)
	ssh := s.internet.transfer("203.0.113.10:22", here)
	time.Sleep(50 * time.Millisecond)

	var adoption *AdoptionError
	if err := s.ApplyRules(context.Background(), phase0(), Consent{}); !errors.As(err, &adoption) || len(adoption.Differences) != 10 {
		t.Fatalf("apply without consent: %v", err)
	}
	equal(t, "after a refused apply", before, s.state())
	ctx, phases := context.Background(), s.capturePhases()
	s.applyAll(Consent{Adopt: true})
	s.again()
	s.wantRules(planConfig(), "")
	s.probeAll()
	adopted := dropCounters(run(t, "iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'"))
	equal(t, "the copy of rules.v4", persisted, s.content(adoptedDir+"/etc/iptables/rules.v4"))
	if got := s.content("/etc/iptables/rules.v4"); strings.Contains(got, "-A ") || !strings.Contains(got, ":INPUT ACCEPT") {
		t.Errorf("rules.v4 after the adoption:\n%s", got)
	}
	nat.finish(t, "a transfer through NAT over the adoption")
	ssh.finish(t, "an SSH connection over the adoption")

	fresh := newFresh(t)
	equal(t, "the adopted host's rules against a fresh one's", fresh, adopted)

	if err := s.UndoRules(ctx, phases.rules1); err != nil {
		t.Fatal(err)
	}
	if err := s.UndoForwarding(ctx, phases.forwarding); err != nil {
		t.Fatal(err)
	}
	if err := s.UndoBridge(ctx, phases.bridge); err != nil {
		t.Fatal(err)
	}
	if err := s.UndoRules(ctx, phases.rules0); err != nil {
		t.Fatal(err)
	}
	equal(t, "after undo of all", before, s.state())
}

type phases struct {
	rules0, rules1 RulesBefore
	bridge         BridgeBefore
	forwarding     ForwardingBefore
}

func (s *site) capturePhases() phases {
	s.t.Helper()
	var p phases
	var err error
	p.rules0, p.rules1 = s.captureRulesOf(phase0()), s.captureRulesOf(phase1())
	if p.bridge, err = s.CaptureBridge(context.Background(), planBridge()); err != nil {
		s.t.Fatal(err)
	}
	if p.forwarding, err = s.CaptureForwarding(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// newFresh returns the rules of a host on which all was applied afresh.
func newFresh(t *testing.T) string {
	var rules string
	t.Run("a fresh host", func(t *testing.T) {
		s := newSite(t)
		s.applyAll(Consent{})
		rules = dropCounters(run(t, "iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'"))
	})
	return rules
}
