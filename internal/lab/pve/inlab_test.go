package pve_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/pve"
)

func startLab(t *testing.T) *lab.Lab {
	t.Helper()
	if err := lab.Preflight(lab.Options{}); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("this test needs a lab: %v", err)
		}
		t.Skipf("this test needs a lab: %v", err)
	}
	name := fmt.Sprintf("pvex%d", os.Getpid())
	l, err := lab.Up(t.Context(), lab.Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Down(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	out, err := l.Host.Run(t.Context(), "sh", "-c", "ip link add vmbr1 type bridge && ip addr add 10.10.0.1/24 dev vmbr1 && ip link set vmbr1 up")
	if err != nil {
		t.Fatal(err, out)
	}
	return l
}

func TestAVMThatIsStartedIsOnTheLabsBridges(t *testing.T) {
	l := startLab(t)
	o := options(t)
	o.Plugger = lab.Plugger{Lab: l}
	o.Guests = map[string]pve.Guest{"": pve.Linux{Exec: lab.Plugger{Lab: l}.Exec}}
	n := start(t, o)
	n.create(100, nil)
	snippets := n.dir + "/storage/local/snippets"
	const netplan = "version: 2\nethernets:\n  inside:\n    match: {macaddress: 'bc:24:11:00:00:20'}\n    addresses: [10.10.0.20/24]\n    routes: [{to: default, via: 10.10.0.1}]\n"
	if err := os.MkdirAll(snippets, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(snippets+"/net.yaml", []byte(netplan), 0o600); err != nil {
		t.Fatal(err)
	}
	n.create(101, map[string]any{"net0": "virtio=BC:24:11:00:00:20,bridge=vmbr1", "ipconfig0": nil, "cicustom": "network=local:snippets/net.yaml"})
	for _, id := range []string{"100", "101"} {
		n.done(n.call("POST", "/nodes/pve/qemu/"+id+"/status/start", ""))
	}
	for _, target := range []string{"10.10.0.20", "10.10.0.1"} {
		if got, err := lab.Ping(t.Context(), l.VM("talos-100"), netip.MustParseAddr(target), 1); err != nil || got != 1 {
			t.Errorf("%s does not answer VM 100: %d, %v", target, got, err)
		}
	}
	await(t, "the agent", func() bool { return n.call("POST", vm100+"/agent/ping", "").status == 200 })
	pid := n.ok("POST", vm100+"/agent/exec", `{"command":["ip","-4","-o","addr","show","eth0"]}`).object()["pid"]
	var said string
	await(t, "the command's end", func() bool {
		m := n.ok("GET", fmt.Sprintf("%s/agent/exec-status?pid=%v", vm100, pid), "").object()
		said = fmt.Sprint(m["out-data"])
		return fmt.Sprint(m["exited"]) == "1"
	})
	if !strings.Contains(said, "10.10.0.10/24") {
		t.Errorf("inside the VM: %q", said)
	}
	// A flexible address is a /32 whose gateway lies outside it: only a guest that is told "on-link" gets there.
	const flexible = "version: 2\nethernets:\n  outside:\n    match: {macaddress: 'bc:24:11:00:00:30'}\n    addresses: [203.0.113.30/32]\n    routes: [{to: 0.0.0.0/0, via: 203.0.113.1, on-link: true}]\n"
	if err := os.WriteFile(snippets+"/flexible.yaml", []byte(flexible), 0o600); err != nil {
		t.Fatal(err)
	}
	n.create(102, map[string]any{"net0": "virtio=BC:24:11:00:00:30,bridge=vmbr0", "ipconfig0": nil, "cicustom": "network=local:snippets/flexible.yaml"})
	n.done(n.call("POST", "/nodes/pve/qemu/102/status/start", ""))
	if out, err := l.VM("talos-102").Run(t.Context(), "ip", "route"); err != nil || !strings.Contains(out, "default via 203.0.113.1 dev eth0 onlink") {
		t.Errorf("the routes with an on-link gateway are %q, %v", out, err)
	}
	n.done(n.call("POST", "/nodes/pve/qemu/102/status/stop", ""))
	n.ok("PUT", vm100+"/config", `{"net0":"virtio=BC:24:11:00:00:10,bridge=vmbr0"}`)
	if out, _ := l.Host.Run(t.Context(), "sh", "-c", "ls /sys/class/net/vmbr0/brif"); !strings.Contains(out, "tap100i0") {
		t.Errorf("a card that was moved to vmbr0 is not there: %s", out)
	}
	n.done(n.call("POST", vm100+"/status/shutdown", ""))
	if l.VM("talos-100") != nil {
		t.Error("a VM that is off is still plugged in")
	}
	if err := n.Crash(101); err != nil {
		t.Fatal(err)
	}
	if vms, err := l.VMs(); err != nil || len(vms) > 0 {
		t.Errorf("left plugged in: %+v, %v", vms, err)
	}
	if a := n.ok("GET", "/nodes/pve/network?type=bridge", ""); !strings.Contains(string(a.Data), `"vmbr1"`) {
		t.Errorf("the bridges are %s", a.Data)
	}
}
