package lab

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(s ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, p := range s {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

func TestVMsArePluggedIntoTheHostsBridgesAndUnpluggedAgain(t *testing.T) {
	l := startLab(t, Options{Name: "vms"})
	typeOnHost(t, l, "ip link add vmbr1 type bridge && ip addr add 10.10.0.1/24 dev vmbr1 && ip link set vmbr1 up")
	before := snapshot(t, l)
	teleport := VM{Name: "teleport", VMID: 100, Bridge: "vmbr0", Addresses: prefixes("203.0.113.20/24"), Gateway: HostGateway}
	inside := VM{Name: "teleport", VMID: 100, NIC: 1, Bridge: "vmbr1", MAC: "bc:24:11:aa:bb:cc", Addresses: prefixes("10.10.0.2/24")}
	cp1 := VM{Name: "talos-cp1", VMID: 101, Bridge: "vmbr1", Addresses: prefixes("10.10.0.10/24"), Gateway: internalHost}
	for _, vm := range []VM{teleport, inside, cp1} {
		if _, err := l.Plug(t.Context(), vm); err != nil {
			t.Fatal(err)
		}
	}
	ports, err := l.Host.Run(t.Context(), "sh", "-c", "ls /sys/class/net/vmbr0/brif /sys/class/net/vmbr1/brif")
	if want := "/sys/class/net/vmbr0/brif:\neno1\ntap100i0\n\n/sys/class/net/vmbr1/brif:\ntap100i1\ntap101i0\n"; err != nil || ports != want {
		t.Errorf("the bridges' ports are %q, %v; want %q", ports, err, want)
	}
	if out, err := l.VM("teleport").Run(t.Context(), "ip", "-o", "link", "show", "eth1"); err != nil || !strings.Contains(out, "bc:24:11:aa:bb:cc") {
		t.Errorf("the second card is %q, %v", out, err)
	}
	if n, err := Ping(t.Context(), l.VM("teleport"), netip.MustParseAddr("10.10.0.10"), 1); err != nil || n != 1 {
		t.Errorf("the VMs do not see each other: %d answers, %v", n, err)
	}
	if n, err := Ping(t.Context(), l.Scanner, netip.MustParseAddr("203.0.113.20"), 1); err != nil || n != 1 {
		t.Errorf("the VM on vmbr0 is not on the internet: %d answers, %v", n, err)
	}
	if _, err := l.Plug(t.Context(), cp1); err == nil || !strings.Contains(err.Error(), "tap101i0 is plugged in already") {
		t.Errorf("a second VM of that number: %v", err)
	}
	again, err := Open(l.Name)
	if err != nil {
		t.Fatal(err)
	}
	if vms, err := again.VMs(); err != nil || len(vms) != 3 || vms[0].Name != "talos-cp1" || vms[2].MAC != "bc:24:11:aa:bb:cc" {
		t.Errorf("another process sees the VMs %+v, %v", vms, err)
	}
	for _, name := range []string{"teleport", "talos-cp1", "never-there"} {
		if err := l.Unplug(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if l.VM("teleport") != nil {
		t.Error("the VM is still there")
	}
	if after := snapshot(t, l); after != before {
		t.Errorf("the VMs left something on the host:\n%s\nbefore:\n%s", after, before)
	}
}

func TestAVMThatCannotBeIsRefusedAndLeavesNothing(t *testing.T) {
	l := startLab(t, Options{Name: "badvms"})
	for _, tc := range []struct {
		name string
		vm   VM
		says string
	}{
		{"a name with a slash", VM{Name: "a/b", VMID: 100, Bridge: "vmbr0"}, "no VM's name"},
		{"a number that Proxmox keeps for itself", VM{Name: "a", VMID: 99, Bridge: "vmbr0"}, "Proxmox allows 100"},
		{"a card too many", VM{Name: "a", VMID: 100, NIC: 32, Bridge: "vmbr0"}, "Proxmox allows 0 to 31"},
		{"a MAC that is none", VM{Name: "a", VMID: 100, MAC: "bc:24", Bridge: "vmbr0"}, "no MAC"},
		{"a bridge that is not there", VM{Name: "a", VMID: 100, Bridge: "vmbr1"}, "no bridge"},
		{"a gateway that cannot be reached", VM{Name: "a", VMID: 100, Bridge: "vmbr0", Gateway: internalHost}, "give the guest its route"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := l.Plug(t.Context(), tc.vm); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the error is %v, want one that says %q", err, tc.says)
			}
			if vms, err := l.VMs(); err != nil || len(vms) != 0 || l.VM("a") != nil {
				t.Errorf("%v is left, %v", vms, err)
			}
			if out, _ := l.Host.Run(t.Context(), "ls", "/sys/class/net"); strings.Contains(out, "tap") {
				t.Errorf("the host has the links %q", out)
			}
		})
	}
}

// The host of somebody who followed the plan by hand works, and is open where the plan
// forgets to close: this is what an adoption starts from.
func TestAHandTypedHostIsThePlansWithItsHoles(t *testing.T) {
	l := startLab(t, Options{Name: "hand", HandTyped: true})
	for path, has := range map[string]string{
		"/etc/network/interfaces":       "iface vmbr1 inet static\n\taddress 10.10.0.1/24\n\tbridge-ports none",
		"/etc/sysctl.conf":              "\nnet.ipv4.ip_forward=1\n",
		"/etc/iptables/rules.v4":        "-A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j MASQUERADE",
		"/proc/sys/net/ipv4/ip_forward": "1\n",
	} {
		if content, err := l.Host.ReadFile(path); err != nil || !strings.Contains(string(content), has) {
			t.Errorf("%s is %q, %v; want %q in it", path, content, err, has)
		}
	}
	v4, err := ScanPorts(t.Context(), l.Scanner, HostAddr, Ports{First: 1, Last: 9000})
	if err != nil || fmt.Sprint(v4.Open) != "[22]" {
		t.Errorf("over IPv4 %v is open, %v", v4.Open, err)
	}
	v6, err := ScanPorts(t.Context(), l.Scanner, HostAddr6, Ports{First: 1, Last: 9000})
	if err != nil || fmt.Sprint(v6.Open) != "[22 111 3128 8006]" {
		t.Errorf("over IPv6 %v is open, %v", v6.Open, err)
	}
	vm, err := l.Plug(t.Context(), VM{Name: "vm", VMID: 100, Bridge: "vmbr1", Addresses: prefixes("10.10.0.10/24"), Gateway: internalHost})
	if err != nil {
		t.Fatal(err)
	}
	streamGoesOnWhile(t, l, vm, func() { typeOnHost(t, l, "true") })
}

// streamGoesOnWhile runs a download in the VM, through NAT, while something happens.
func streamGoesOnWhile(t *testing.T, l *Lab, vm *Node, happens func()) {
	t.Helper()
	resp, err := vm.HTTPClient().Get("http://" + WebName + "/stream?rate=100000&bytes=30000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := bufio.NewReader(resp.Body)
	if _, err := body.ReadByte(); err != nil {
		t.Fatal(err)
	}
	happens()
	n, err := io.Copy(io.Discard, body)
	if err != nil || n != 29999 || resp.StatusCode != http.StatusOK {
		t.Errorf("the download ended after %d bytes with %v", n+1, err)
	}
	seen, err := l.Requests(t.Context())
	if err != nil || len(seen) == 0 || seen[len(seen)-1].Source.Addr() != HostAddr {
		t.Errorf("the server saw %+v, %v; want the host's address %s", seen, err, HostAddr)
	}
}
