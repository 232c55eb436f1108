package appliance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
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
	t.Run("a rollback needs no daemon", func(t *testing.T) { rollsBackAlone(t, vm, confirmed) })
	t.Run("stopping the units opens nothing", func(t *testing.T) {
		run(t, vm, "systemctl stop waddled waddled-firewall")
		same(t, vm, confirmed, "stopping both units")
		run(t, vm, "systemctl start waddled")
	})
	t.Run("a reboot inside the window comes up with the last confirmed rules, before any interface is up", func(t *testing.T) {
		rebootInTheWindow(t, vm, confirmed)
	})
	t.Run("a damaged file is named, the host comes up closed, and the console is the way in", func(t *testing.T) {
		damaged(t, vm, confirmed)
	})
	t.Run("an upgrade and a removal", func(t *testing.T) { removed(t, vm, confirmed) })
}

// setPending loads another profile, which is to roll back, and returns the
// change's id and deadline.
func setPending(t *testing.T, vm *VM, confirmed, within string) (id string, deadline time.Time) {
	t.Helper()
	run(t, vm, "waddle firewall set lockdown --force --confirm-within "+within)
	if rulesOf(t, vm) == confirmed {
		t.Fatal("the lockdown was set, and the rules are the ones from before")
	}
	s := firewallState(t, vm)
	if s.Pending == nil {
		t.Fatal("the lockdown was set, and nothing is pending")
	}
	return s.Pending.ID, s.Pending.Deadline.Wall
}

// firewallFile is what `waddled firewall show --json` prints, as far as it is
// looked at here.
type firewallFile struct {
	Pending *struct {
		ID       string `json:"id"`
		Deadline struct {
			Wall time.Time `json:"wall"`
		} `json:"deadline"`
	} `json:"pending"`
	Last *struct {
		ID     string    `json:"id"`
		Result string    `json:"result"`
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	} `json:"last"`
}

func firewallState(t *testing.T, vm *VM) firewallFile {
	t.Helper()
	var s firewallFile
	if err := json.Unmarshal([]byte(run(t, vm, "waddled firewall show --json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// rollsBackAlone takes the daemon out of the way of its own rollback.
func rollsBackAlone(t *testing.T, vm *VM, confirmed string) {
	// systemd would start a killed daemon again, which then could do it.
	run(t, vm, "mkdir -p /run/systemd/system/waddled.service.d && printf '[Service]\\nRestart=no\\n' >/run/systemd/system/waddled.service.d/alone.conf && systemctl daemon-reload")
	for _, c := range []struct{ name, away, back string }{
		{"killed", "systemctl kill -s KILL waddled", "systemctl reset-failed waddled; systemctl start waddled"},
		{"stopped", "systemctl stop waddled", "systemctl start waddled"},
		{"frozen", "systemctl kill -s STOP waddled", "systemctl kill -s CONT waddled"},
	} {
		id, deadline := setPending(t, vm, confirmed, "45s")
		run(t, vm, c.away)
		eventually(t, vm, "! systemctl is-active --quiet waddle-firewall-"+id+".timer && ! waddled firewall show --json | grep -q '\"pending\"'")
		same(t, vm, confirmed, "a rollback with the daemon "+c.name)
		s := firewallState(t, vm)
		if s.Last == nil || s.Last.ID != id || s.Last.Result != "rolled back" {
			t.Fatalf("daemon %s: the last change is %+v, want that %s was rolled back", c.name, s.Last, id)
		}
		if s.Last.At.Before(deadline.Add(-time.Second)) {
			t.Errorf("daemon %s: rolled back at %s, the deadline was %s", c.name, s.Last.At, deadline)
		}
		if said := run(t, vm, "journalctl -o cat -u waddle-firewall-"+id+".service"); said == "" {
			t.Errorf("daemon %s: the rollback was not the timer's: its service said nothing", c.name)
		}
		t.Logf("daemon %s: rolled back by systemd's timer %.1f s after the deadline", c.name, s.Last.At.Sub(deadline).Seconds())
		run(t, vm, c.back)
		eventually(t, vm, "waddle status")
	}
	run(t, vm, "rm -r /run/systemd/system/waddled.service.d && systemctl daemon-reload")
}

func rebootInTheWindow(t *testing.T, vm *VM, confirmed string) {
	id, _ := setPending(t, vm, confirmed, "1h")
	if err := vm.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, vm, confirmed, "a reboot inside the window")
	if s := firewallState(t, vm); s.Pending != nil || s.Last == nil || s.Last.ID != id || !strings.Contains(s.Last.Reason, "the boot came before the confirmation") {
		t.Errorf("after the reboot pending is %+v and the last change %+v", s.Pending, s.Last)
	}
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
