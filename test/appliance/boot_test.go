package appliance

import (
	"strings"
	"testing"
)

func TestAFreshBootHasEveryServiceRunning(t *testing.T) {
	t.Parallel()
	vm := ForTest(t, Options{Boot: true})
	if state, err := vm.Run(t.Context(), "systemctl is-system-running"); state != "running" {
		t.Errorf("the system is %s (%v), want running:\n%s", state, err, run(t, vm, "systemctl --failed; systemctl list-jobs"))
	}
	t.Log(run(t, vm, "systemd-analyze time; systemd-analyze blame | head -15; uname -r; cat /sys/module/zfs/version; free -m"))
	for _, c := range []struct{ line, want string }{
		{"ip -4 -o addr show dev vmbr1", "10.10.0.1/24"},
		{"zpool list -H -o name,health rpool", "rpool\tONLINE"},
		{"stat -c %F /etc/target", "directory"},
	} {
		if got := run(t, vm, c.line); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.line, got, c.want)
		}
	}
}
