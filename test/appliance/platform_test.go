package appliance

import (
	"strings"
	"testing"
)

// What the firewall's rules live through on a host with systemd. The unit's
// confinement must permit the daemon's work, too.
func TestTheRulesOutliveTheDaemonRebootsDamageAndRemoval(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	applied(t, vm)
	confirmed := rulesOf(t, vm)
	if !strings.Contains(confirmed, "-A WADDLE-INPUT -j DROP") {
		t.Fatalf("after waddle apply the rules are:\n%s", confirmed)
	}
	t.Run("stopping the units opens nothing", func(t *testing.T) {
		run(t, vm, "systemctl stop waddled waddled-firewall")
		same(t, vm, confirmed, "stopping both units")
		run(t, vm, "systemctl start waddled")
	})
	t.Run("a reboot comes up with the last confirmed rules, before any interface is up", func(t *testing.T) {
		reboots(t, vm, confirmed)
	})
	t.Run("a damaged file is named, the host comes up closed, and the console is the way in", func(t *testing.T) {
		damaged(t, vm, confirmed)
	})
	t.Run("an upgrade and a removal", func(t *testing.T) { removed(t, vm, confirmed) })
}

func reboots(t *testing.T, vm *VM, confirmed string) {
	if err := vm.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, vm, confirmed, "a reboot")
	if got := run(t, vm, "ip -br -4 addr show vmbr1; sysctl -n net.ipv4.ip_forward"); !strings.Contains(got, "10.10.0.1/24") || !strings.HasSuffix(got, "\n1") {
		t.Errorf("after a reboot bridge and forwarding are %q", got)
	}
	rulesBeforeTheNetwork(t, vm, unitFinished)
}

func damaged(t *testing.T, vm *VM, confirmed string) {
	outside(t, vm)
	if !reached(vm, t) {
		t.Fatal("the host's ssh is not reached from outside before there is any damage: the probe proves nothing")
	}
	run(t, vm, "set -e; cp -a /etc/waddle/firewall /root/firewall; for f in /etc/waddle/firewall/rules*.v4; do echo '*filter nonsense' >$f; done; sync")
	if err := vm.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state, _ := vm.Run(t.Context(), "systemctl is-failed waddled-firewall"); state != "failed" {
		t.Errorf("the unit is %s, want it failed, so that it is seen", state)
	}
	said := run(t, vm, "journalctl -b -p err -u waddled-firewall -o cat; journalctl -b -u waddled-firewall -o cat")
	if !strings.Contains(said, "/etc/waddle/firewall/rules") || !strings.Contains(said, "THE BUILT-IN LOCKDOWN IS LOADED") {
		t.Errorf("the journal does not name the file and what was done:\n%s", said)
	}
	for _, command := range []string{"iptables-save -t filter", "ip6tables-save -t filter"} {
		rules := run(t, vm, command)
		if !strings.Contains(rules, "-A INPUT -j WADDLE-INPUT") || !strings.Contains(rules, "-A WADDLE-INPUT -j DROP") {
			t.Errorf("%s: the host is not closed:\n%s", command, rules)
		}
	}
	rulesBeforeTheNetwork(t, vm, unitFailed)
	outside(t, vm)
	if reached(vm, t) {
		t.Error("the host's ssh is reached from outside, with damaged rules")
	}
	run(t, vm, "waddled emergency --from 10.0.2.99 --for 10m --ssh")
	if !reached(vm, t) {
		t.Error("the console let 10.0.2.99 in by waddled emergency, and it does not get in")
	}
	run(t, vm, "set -e; waddled emergency --end || true; rm -r /etc/waddle/firewall; cp -a /root/firewall /etc/waddle/firewall; waddled firewall load; ip netns delete outside")
	same(t, vm, confirmed, "the files were put back and loaded at the console")
}

// outside makes a machine on the public bridge.
func outside(t *testing.T, vm *VM) {
	t.Helper()
	run(t, vm, `set -e
		ip netns add outside
		ip link add outside0 type veth peer name eth0 netns outside
		ip link set outside0 master vmbr0 up
		ip -n outside addr add 10.0.2.99/24 dev eth0
		ip -n outside link set eth0 up`)
	eventually(t, vm, "bridge link show dev outside0 | grep -q 'state forwarding'")
}

// reached reports whether the host's ssh greets that machine. A packet that is
// dropped is not told from one that is slow, so it gets time.
func reached(vm *VM, t *testing.T) bool {
	t.Helper()
	said, err := vm.Run(t.Context(), "ip netns exec outside timeout 20 bash -c 'exec 3<>/dev/tcp/10.0.2.15/22 && read -t 15 line <&3 && echo $line'")
	return err == nil && strings.HasPrefix(said, "SSH-2.0")
}

func removed(t *testing.T, vm *VM, confirmed string) {
	run(t, vm, "dpkg -i /root/v1.0.0.deb")
	same(t, vm, confirmed, "installing the package over itself")
	said := run(t, vm, "dpkg -P waddle 2>&1")
	same(t, vm, confirmed, "a purge")
	if !strings.Contains(said, "after the next boot NOTHING loads these rules") {
		t.Errorf("the purge does not warn that the next boot has no rules:\n%s", said)
	}
}

// rulesOf lists our chains and the jumps to them.
func rulesOf(t *testing.T, vm *VM) string {
	t.Helper()
	return run(t, vm, "iptables-save | grep -e '-A.*WADDLE-'; ip6tables-save | grep -e '-A.*WADDLE-'")
}

func same(t *testing.T, vm *VM, want, after string) {
	t.Helper()
	if got := rulesOf(t, vm); got != want {
		t.Errorf("after %s the rules are\n%s\nwant\n%s", after, got, want)
	}
}
