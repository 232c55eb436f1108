package appliance

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The unit's confinement must permit the daemon's work, and what it made must be
// there after a boot before any packet can arrive.
func TestAppliedRulesOutliveRebootUpgradeAndRemoval(t *testing.T) {
	vm := ForTest(t, Options{})
	run(t, vm, "ifdown vmbr1 && rm /etc/network/interfaces.d/vmbr1") // waddled makes it
	run(t, vm, "dpkg -i "+copyPackage(t, vm, "v1.0.0"))
	if err := vm.Copy(t.Context(), filepath.Join("testdata", "platform.yaml"), "/etc/waddle/platform.yaml"); err != nil {
		t.Fatal(err)
	}
	run(t, vm, "waddle apply --through 1 --yes || test $? -eq 6") // 6: a gate waits
	applied := rulesOf(t, vm)
	if !strings.Contains(applied, "-A WADDLE-INPUT -j DROP") {
		t.Fatalf("after waddle apply the rules are:\n%s", applied)
	}

	run(t, vm, "systemctl stop waddled waddled-firewall")
	same(t, vm, applied, "stopping both units")
	if err := vm.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, vm, applied, "a reboot")
	if got := run(t, vm, "ip -br -4 addr show vmbr1; sysctl -n net.ipv4.ip_forward"); !strings.Contains(got, "10.10.0.1/24") || !strings.HasSuffix(got, "\n1") {
		t.Errorf("after a reboot bridge and forwarding are %q", got)
	}
	loadedBeforeTheNetwork(t, vm)

	run(t, vm, "dpkg -i /root/v1.0.0.deb")
	same(t, vm, applied, "installing the package over itself")
	said := run(t, vm, "dpkg -P waddle 2>&1")
	same(t, vm, applied, "a purge")
	if !strings.Contains(said, "after the next boot NOTHING loads these rules") {
		t.Errorf("the purge does not warn that the next boot has no rules:\n%s", said)
	}
}

func TestADamagedRuleFileIsNamedAndTheHostComesUpClosed(t *testing.T) {
	vm := ForTest(t, Options{})
	run(t, vm, "dpkg -i "+copyPackage(t, vm, "v1.0.0"))
	good := "*filter\n:WADDLE-INPUT - [0:0]\n-A WADDLE-INPUT -j RETURN\n-I INPUT 1 -j WADDLE-INPUT\nCOMMIT\n"
	for name, content := range map[string]string{"rules.v4": "*filter\nnonsense\nCOMMIT\n", "rules.v6": good} {
		if err := vm.Write(t.Context(), "/etc/waddle/firewall/"+name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := vm.Run(t.Context(), "systemctl restart waddled-firewall"); err == nil {
		t.Error("the unit does not fail on a file that cannot be loaded")
	}
	said := run(t, vm, "journalctl -u waddled-firewall -o cat")
	if !strings.Contains(said, "/etc/waddle/firewall/rules.v4") || !strings.Contains(said, "THE BUILT-IN LOCKDOWN IS LOADED") {
		t.Errorf("the journal does not name the file and what was done:\n%s", said)
	}
	for _, command := range []string{"iptables-save -t filter", "ip6tables-save -t filter"} {
		rules := run(t, vm, command)
		if !strings.Contains(rules, "-A INPUT -j WADDLE-INPUT") || !strings.Contains(rules, "-A WADDLE-INPUT -j DROP") {
			t.Errorf("%s: the host is not closed:\n%s", command, rules)
		}
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

// loadedBeforeTheNetwork compares systemd's own times of this boot.
func loadedBeforeTheNetwork(t *testing.T, vm *VM) {
	t.Helper()
	loaded := monotonic(t, vm, "waddled-firewall.service", "ExecMainExitTimestampMonotonic")
	for _, unit := range []string{"networking.service", "waddled.service", "ssh.service"} {
		if started := monotonic(t, vm, unit, "ExecMainStartTimestampMonotonic"); loaded == 0 || started <= loaded {
			t.Errorf("the rules were loaded %.3f s after the boot, %s was started at %.3f s", loaded, unit, started)
		}
	}
	t.Logf("rules loaded at %.2f s, networking started at %.2f s",
		loaded, monotonic(t, vm, "networking.service", "ExecMainStartTimestampMonotonic"))
}

// monotonic returns one of a unit's times, in seconds since the boot.
func monotonic(t *testing.T, vm *VM, unit, property string) float64 {
	t.Helper()
	microseconds, err := strconv.ParseInt(run(t, vm, "systemctl show --value -p "+property+" "+unit), 10, 64)
	if err != nil {
		t.Fatalf("%s of %s: %v", property, unit, err)
	}
	return float64(microseconds) / 1e6
}
