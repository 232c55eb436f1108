package netfw

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// seen waits for a kind of event and returns how long it took.
func seen(t *testing.T, events <-chan string, kind string) time.Duration {
	t.Helper()
	const patience = time.Minute
	start := time.Now()
	deadline := time.After(patience)
	for {
		select {
		case k, ok := <-events:
			if !ok {
				t.Fatal("the watch ended")
			}
			if k == kind {
				return time.Since(start)
			}
		case <-deadline:
			t.Fatalf("no %q within %s", kind, patience)
		}
	}
}

// drain takes what is under way, until nothing comes for a while.
func drain(events <-chan string) {
	for {
		select {
		case <-events:
		case <-time.After(150 * time.Millisecond):
			return
		}
	}
}

// tells reports whether a change is told each time that it is made. On a busy
// machine what came before may be told late, and then it is made again.
func tells(events <-chan string, change func()) bool {
	for range 5 {
		drain(events)
		change()
		select {
		case <-events:
		case <-time.After(200 * time.Millisecond):
			return false
		}
	}
	return true
}

func TestWatchSeesEveryKindOfChange(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHost(t)
	run(t, "ip link add vmbr1 type bridge; ip link set vmbr1 up; iptables -A INPUT -j ACCEPT")
	ctx, cancel := context.WithCancel(context.Background())
	events, err := h.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	drain(events)
	for _, c := range []struct {
		kind   string
		change func()
	}{
		{EventLink, func() { run(t, "ip link set vmbr1 mtu 1400") }},
		{EventAddress, func() { run(t, "ip addr add 10.10.0.1/24 dev vmbr1") }},
		{EventAddress, func() { run(t, "ip -6 addr add 2001:db8::1/64 dev vmbr1") }},
		{EventRoute, func() { run(t, "ip route add 192.0.2.0/24 via 10.10.0.7") }},
		{EventForwarding, func() { run(t, "sysctl -qw net.ipv4.ip_forward=1") }},
		{EventForwarding, func() { run(t, "sysctl -qw net.ipv4.ip_forward=0") }},
		{EventRules, func() { run(t, "iptables -A INPUT -p tcp --dport 1 -j DROP") }},
		{EventRules, func() { run(t, "ip6tables -P FORWARD DROP") }},
		{EventRules, func() { run(t, "nft flush ruleset") }},
		{EventFiles, func() { h.write(interfacesFile, plainInterfaces+"# more\n") }},
		{EventFiles, func() { h.write(ownInterfaces, "auto vmbr1\n") }},
		{EventFiles, func() { h.write(ownSysctl, "net.ipv4.ip_forward=0\n") }},
		{EventFiles, func() { h.write(sysctlConf, "net.ipv4.ip_forward=0\n") }},
		{EventFiles, func() { h.write("/etc/sysctl.d/99-new.conf", "") }},
		{EventFiles, func() { h.write("/etc/waddle/firewall/rules.v4", "") }},
		{EventFiles, func() { os.Remove(h.root + "/etc/waddle/firewall/rules.v4") }},
		{EventFiles, func() { h.write("/etc/iptables/rules.v6", "") }},
	} {
		c.change()
		took := seen(t, events, c.kind)
		t.Logf("%s after %s", c.kind, took.Round(time.Microsecond))
		drain(events)
	}
	if tells(events, func() { h.write("/etc/passwd", "not ours\n") }) {
		t.Error("a file that nobody here reads is told about")
	}
	cancel()
	for range events {
	}
}

func TestALostEventCountsAsEverythingChanged(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHost(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, err := h.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// The kernel itself has to drop: a small buffer that is read late.
	small, err := listen(unix.NETLINK_ROUTE, routeGroups)
	if err != nil {
		t.Fatal(err)
	}
	if err := small.SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	run(t, "for i in $(seq 200); do echo addr add 10.3.0.$i/32 dev lo; done | ip -batch -")
	w := &watch{pending: map[string]bool{}, wake: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.receive(small, func(netlink.Message) string { return EventAddress })
	}()
	var got []string
	for range 100 {
		if got = append(got, w.take()...); len(got) >= len(allEvents) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, kind := range allEvents {
		if !slices.Contains(got, kind) {
			t.Errorf("after an overrun %q is not reported as changed: %v", kind, got)
		}
	}
	if err := small.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	// A burst that nobody reads must not block or end the watch.
	run(t, "for i in $(seq 300); do echo addr add 10.1.$((i/250)).$((i%250+1))/32 dev lo; done | ip -batch -; for i in $(seq 300); do echo addr del 10.1.$((i/250)).$((i%250+1))/32 dev lo; done | ip -batch -")
	seen(t, events, EventAddress)
	drain(events)
	run(t, "ip link set lo down")
	seen(t, events, EventLink)
	cancel()
	for range events {
	}
}

func TestTheReconcilersLoopSeesDriftWithoutLookingForIt(t *testing.T) {
	h := newHost(t)
	s := &site{host: h}
	s.applyAll(Consent{})
	ctx, cancel := context.WithCancel(context.Background())
	events, err := h.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	drain(events)
	for name, c := range map[string]struct{ damage, kind string }{
		"the bridge's address": {"ip addr del 10.10.0.1/24 dev vmbr1", EventAddress},
		"a NAT rule":           {"iptables -t nat -F WADDLE-POSTROUTING", EventRules},
		"a jump":               {"iptables -D INPUT -j WADDLE-INPUT", EventRules},
		"the sysctl":           {"sysctl -qw net.ipv4.ip_forward=0", EventForwarding},
	} {
		start := time.Now()
		run(t, c.damage)
		seen(t, events, c.kind)
		s.applyAll(Consent{})
		t.Logf("%s: seen and repaired after %s", name, time.Since(start).Round(time.Millisecond))
		drain(events)
	}
	cancel()
	for range events {
	}
}
