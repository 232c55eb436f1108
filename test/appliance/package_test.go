package appliance

import (
	"strings"
	"testing"
)

// The host's networking and every file outside of what dpkg, systemd and the
// journal keep for themselves. The daemon asks at its start whether this kernel
// takes its rules (iptables-restore --test), which loads the modules that it
// would need and with them their sysctls; they touch no packet before a rule
// does, and are left out here by name.
var hostState = map[string]string{
	"rules":     `iptables-save -t filter; iptables-save -t nat; ip6tables-save -t filter; ip6tables-save -t nat; nft list ruleset`,
	"addresses": `ip -br addr; ip -br link; ip route; ip -6 route; bridge link`,
	"sysctl":    `sysctl -a 2>/dev/null | grep -E '^(net|vm|kernel)\.' | grep -vE 'random|pty\.nr|ns_last_pid|conntrack_count|stat_refresh|loadavg|netdev_rss_key|net.(netfilter.)?nf_(conntrack|flowtable)'`,
	"modules":   `lsmod | cut -d' ' -f1 | grep -vxE 'nf_conntrack|nf_defrag_ipv[46]|nf_nat|nft_(compat|chain_nat)|x(t|frm)_[A-Za-z]+' | sort`,
	"groups":    `getent group; getent passwd`,
	"units":     `systemctl list-unit-files --no-legend | sort`,
	"files": `find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/log -o -path /var/cache -o -path /root \
		-o -path /tmp -o -path /var/tmp -o -name 'group*' -o -name 'gshadow*' -o -name '.pwd.lock' \) -prune -o -not -type d -printf '%p %m %u:%g %s\n' -o -type d -printf '%p/ %m %u:%g\n' | sort`,
}

func lookAtHost(t *testing.T, vm *VM) map[string]string {
	t.Helper()
	state := map[string]string{}
	for what, line := range hostState {
		state[what] = dropCounters(run(t, vm, line))
	}
	return state
}

// dropCounters leaves out what iptables-save dates and counts.
func dropCounters(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestThePackageChangesNothingButItsOwnFilesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{})
	first, second := copyPackage(t, vm, "v1.0.0"), copyPackage(t, vm, "v1.0.1")
	run(t, vm, "useradd member && useradd stranger")
	lookAtHost(t, vm) // the first look itself loads modules
	before := lookAtHost(t, vm)

	run(t, vm, "dpkg -i "+first)
	after := lookAtHost(t, vm)
	own := run(t, vm, "dpkg -L waddle")
	for what := range hostState {
		if what == "files" || what == "units" || what == "groups" {
			continue
		}
		differs(t, "the installation", what, before[what], after[what])
	}
	allowed := strings.Split(own, "\n")
	allowed = append(allowed, "/etc/waddle/", "/var/lib/waddle/",
		"/etc/systemd/system/multi-user.target.wants/waddled.service",
		"/etc/systemd/system/sysinit.target.wants/waddled-firewall.service")
	for _, line := range added(before["files"], after["files"]) {
		path := strings.Fields(line)[0]
		if !belongs(path, allowed) {
			t.Errorf("the installation made or changed %s, which the package does not name", line)
		}
	}
	if gone := added(after["files"], before["files"]); len(gone) > 0 {
		for _, line := range gone {
			t.Errorf("the installation removed or changed %s", line)
		}
	}
	if got := added(before["groups"], after["groups"]); len(got) != 1 || !strings.HasPrefix(got[0], "waddle:") {
		t.Errorf("the installation added to groups and users %q, want the group waddle alone", got)
	}

	t.Run("the daemon answers on its socket", func(t *testing.T) { daemonAnswers(t, vm) })
	t.Run("an upgrade restarts the daemon and keeps an administrator's choice", func(t *testing.T) { upgrade(t, vm, second) })

	run(t, vm, "dpkg -r waddle")
	if out := run(t, vm, "ls -d /var/lib/waddle /etc/waddle"); out == "" {
		t.Error("dpkg -r took the state away, which only a purge may")
	}
	run(t, vm, "dpkg -P waddle")
	for what, now := range lookAtHost(t, vm) {
		differs(t, "the purge", what, before[what], now)
	}
}

// differs reports what a step left of the host otherwise than it was.
func differs(t *testing.T, step, what, before, after string) {
	t.Helper()
	for _, line := range added(after, before) {
		t.Errorf("%s: %s: gone or changed: %s", step, what, line)
	}
	for _, line := range added(before, after) {
		t.Errorf("%s: %s: new or changed: %s", step, what, line)
	}
}

// added returns the lines of b that a does not have.
func added(a, b string) []string {
	var lines []string
	for line := range strings.Lines(b) {
		if !strings.Contains("\n"+a, "\n"+line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// belongs reports whether path is one of allowed, or below one that ends in a slash.
func belongs(path string, allowed []string) bool {
	for _, a := range allowed {
		if strings.TrimSuffix(path, "/") == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a) {
			return true
		}
	}
	return false
}

func daemonAnswers(t *testing.T, vm *VM) {
	version := run(t, vm, "waddle version")
	if strings.Count(version, "1.0.0") != 2 {
		t.Errorf("waddle version says %q, want client and daemon 1.0.0", version)
	}
	run(t, vm, "gpasswd -a member waddle")
	if _, err := vm.Run(t.Context(), "runuser -u member waddle status"); err != nil {
		t.Errorf("a member of the group is not served: %v", err)
	}
	if out, err := vm.Run(t.Context(), "runuser -u stranger waddle status"); err == nil {
		t.Errorf("a stranger is served: %q", out)
	}

	killDaemon(t, vm)
	t.Log(run(t, vm, "systemd-analyze security waddled | tail -1; systemd-analyze verify waddled.service waddled-firewall.service 2>&1"))
}

func upgrade(t *testing.T, vm *VM, deb string) {
	run(t, vm, "systemctl disable waddled-firewall.service")
	run(t, vm, "dpkg -i "+deb)
	if version := run(t, vm, "waddle version"); strings.Count(version, "1.0.1") != 2 {
		t.Errorf("after the upgrade waddle version says %q, want client and daemon 1.0.1", version)
	}
	if state, _ := vm.Run(t.Context(), "systemctl is-enabled waddled-firewall.service"); state != "disabled" {
		t.Errorf("the administrator disabled the firewall unit, the upgrade left it %s", state)
	}
}

// killDaemon kills the daemon and returns when systemd's next one answers.
func killDaemon(t *testing.T, vm *VM) {
	t.Helper()
	before := run(t, vm, "systemctl show --value -p MainPID waddled")
	run(t, vm, "systemctl kill -s KILL waddled")
	eventually(t, vm, "test $(systemctl show --value -p MainPID waddled) -ne 0 -a $(systemctl show --value -p MainPID waddled) -ne "+before+" && waddle status")
}
