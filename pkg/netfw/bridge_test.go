package netfw

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func kinds(f Finding) string {
	var s []string
	for _, x := range f.Differences {
		s = append(s, string(x.Kind)+" "+x.Object)
	}
	return strings.Join(s, "\n")
}

func (h *host) lookBridge() Finding {
	h.t.Helper()
	f, err := h.LookBridge(context.Background(), planBridge())
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

func (h *host) wantBridge(want string) {
	h.t.Helper()
	if got := kinds(h.lookBridge()); got != want {
		h.t.Fatalf("look at the bridge:\n%s\nwant:\n%s", got, want)
	}
}

func (h *host) applyBridge(c Consent) {
	h.t.Helper()
	if err := h.ApplyBridge(context.Background(), planBridge(), c); err != nil {
		h.t.Fatal(err)
	}
	h.wantBridge("")
}

func TestBridgeOnABareHost(t *testing.T) {
	h := newHost(t)
	h.wantBridge("create file /etc/network/interfaces.d/waddle\ncreate link vmbr1")
	before := h.state()
	b, err := h.CaptureBridge(context.Background(), planBridge())
	if err != nil {
		t.Fatal(err)
	}
	h.applyBridge(Consent{})
	if got := run(t, "ip -o -4 addr show dev vmbr1"); !strings.Contains(got, "10.10.0.1/24") {
		t.Errorf("vmbr1 has no address: %s", got)
	}
	if !strings.Contains(run(t, "ip -o link show vmbr1"), ",UP") {
		t.Error("vmbr1 is down")
	}
	h.ops = nil
	h.applyBridge(Consent{})
	if len(h.ops) > 0 {
		t.Errorf("a second apply did %v", h.ops)
	}
	ds, err := h.ShowUndoBridge(context.Background(), b)
	if err != nil || len(ds) != 2 {
		t.Errorf("undo shows %v, %v", ds, err)
	}
	for range 2 {
		if err := h.UndoBridge(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		equal(t, "after undo", before, h.state())
	}
}

func TestDriftOfOurBridgeIsRepaired(t *testing.T) {
	for name, c := range map[string]struct{ damage, look string }{
		"the address is gone":   {"ip addr del 10.10.0.1/24 dev vmbr1", "change address 10.10.0.1/24 on vmbr1"},
		"the bridge is down":    {"ip link set vmbr1 down", "change link vmbr1"},
		"the bridge is gone":    {"ip link del vmbr1", "create link vmbr1"},
		"everything is another": {"ip addr flush dev vmbr1; ip addr add 10.9.0.1/24 dev vmbr1", "change address 10.10.0.1/24 on vmbr1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.applyBridge(Consent{})
			run(t, c.damage)
			h.wantBridge(c.look)
			h.applyBridge(Consent{})
		})
	}
}

func TestAForeignAddressOnOurBridgeIsLeftAlone(t *testing.T) {
	h := newHost(t)
	h.applyBridge(Consent{})
	run(t, "ip addr add 10.77.0.1/24 dev vmbr1")
	f := h.lookBridge()
	if len(f.Differences) > 0 || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "10.77.0.1/24") {
		t.Errorf("look: %+v", f)
	}
}

// The VMs know the gateway by its MAC.
func TestOurBridgeKeepsItsMACWhileVMsComeAndGo(t *testing.T) {
	h := newHost(t)
	h.applyBridge(Consent{})
	mac := func() string { return strings.TrimSpace(run(t, "ip -o link show vmbr1 | grep -o 'link/ether [^ ]*'")) }
	const want = "link/ether 02:00:0a:0a:00:01"
	if got := mac(); got != want {
		t.Fatalf("made with %s, want %s", got, want)
	}
	run(t, "ip link add tap101i0 address 00:00:00:00:00:11 type veth peer name vm101; ip link set tap101i0 master vmbr1")
	if got := mac(); got != want {
		t.Errorf("with a port: %s, want %s", got, want)
	}
	run(t, "ip link del tap101i0")
	if got := mac(); got != want {
		t.Errorf("after the port has gone: %s, want %s", got, want)
	}
	h.wantBridge("")
}

func TestTheMACOfABridgeThatWasThereIsLeftAloneAndTold(t *testing.T) {
	h := newHost(t)
	run(t, "ip link add vmbr1 address 02:11:22:33:44:55 type bridge; ip addr add 10.10.0.1/24 dev vmbr1; ip link set vmbr1 up")
	h.applyBridge(Consent{Adopt: true})
	if got := run(t, "ip -o link show vmbr1"); !strings.Contains(got, "02:11:22:33:44:55") {
		t.Errorf("the MAC was changed: %s", got)
	}
	if f := h.lookBridge(); len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "ip link set vmbr1 address 02:00:0a:0a:00:01") {
		t.Errorf("the notes are %q", f.Notes)
	}
}

func TestBridgeConflicts(t *testing.T) {
	for name, c := range map[string]struct{ there, object, is string }{
		"vmbr1 is no bridge":               {"ip link add vmbr1 type veth peer name x", "link vmbr1", "type veth"},
		"vmbr1 has another address":        {"ip link add vmbr1 type bridge; ip addr add 10.20.0.1/24 dev vmbr1", "link vmbr1", "10.20.0.1/24"},
		"vmbr1 has a physical port":        {"ip link add vmbr1 type bridge; ip link add eno1 type vxlan id 5 dstport 4789 local 127.0.0.1; ip link set eno1 master vmbr1", "link vmbr1", "port eno1"},
		"the network is on another bridge": {"ip link add vmbr2 type bridge; ip addr add 10.10.0.254/24 dev vmbr2", "address 10.10.0.254/24 on vmbr2", "10.10.0.254/24"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			run(t, c.there)
			before := h.state()
			conflicts := func() []Difference { f := h.lookBridge(); return f.of(Conflict) }()
			if len(conflicts) != 1 || conflicts[0].Object != c.object || conflicts[0].Is != c.is || conflicts[0].Want == "" || conflicts[0].Note == "" {
				t.Fatalf("conflicts: %v", conflicts)
			}
			var conflict *ConflictError
			if err := h.ApplyBridge(context.Background(), planBridge(), Consent{Adopt: true}); !errors.As(err, &conflict) {
				t.Fatalf("apply: %v", err)
			}
			equal(t, "after a refused apply", before, h.state())
		})
	}
}

func TestUndoRefusesToDeleteABridgeThatIsInUse(t *testing.T) {
	h := newHost(t)
	b, err := h.CaptureBridge(context.Background(), planBridge())
	if err != nil {
		t.Fatal(err)
	}
	h.applyBridge(Consent{})
	run(t, "ip link add tap100i0 type veth peer name vm; ip link set tap100i0 master vmbr1")
	var ports *PortsError
	if err := h.UndoBridge(context.Background(), b); !errors.As(err, &ports) || ports.Ports != "tap100i0" {
		t.Fatalf("undo: %v", err)
	}
	h.wantBridge("")
	run(t, "ip link del tap100i0")
	if err := h.UndoBridge(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

const byHand = `# the main interface
auto lo vmbr1
iface lo inet loopback

auto vmbr0
iface vmbr0 inet static
	address 203.0.113.10/24
	bridge-ports eno1

iface vmbr1 inet static
        address  10.10.0.1
        netmask  255.255.255.0
        # internal
        bridge_ports none
        bridge_stp off
        bridge_fd 0
        post-up   echo 1 > /proc/sys/net/ipv4/ip_forward
        post-up   iptables -t nat -A POSTROUTING -s '10.10.0.0/24' -o vmbr0 -j MASQUERADE
        post-down iptables -t nat -D POSTROUTING -s '10.10.0.0/24' -o vmbr0 -j MASQUERADE

source /etc/network/interfaces.d/*
`

const byHandLeft = `# the main interface
auto lo
iface lo inet loopback

auto vmbr0
iface vmbr0 inet static
	address 203.0.113.10/24
	bridge-ports eno1

        # internal

source /etc/network/interfaces.d/*
`

func TestABridgeThatWasMadeByHandIsAdopted(t *testing.T) {
	h := newHost(t)
	h.write(interfacesFile, byHand)
	run(t, "ip link add vmbr1 type bridge; ip addr add 10.10.0.1/24 dev vmbr1; ip link set vmbr1 up")
	h.wantBridge("create file /etc/network/interfaces.d/waddle\nadopt file /etc/network/interfaces, iface vmbr1\nadopt link vmbr1")
	before := h.state()
	var adoption *AdoptionError
	if err := h.ApplyBridge(context.Background(), planBridge(), Consent{}); !errors.As(err, &adoption) || len(adoption.Differences) != 2 {
		t.Fatalf("apply without consent: %v", err)
	}
	equal(t, "after a refused apply", before, h.state())
	b, err := h.CaptureBridge(context.Background(), planBridge())
	if err != nil {
		t.Fatal(err)
	}
	h.applyBridge(Consent{Adopt: true})
	equal(t, "the file", byHandLeft, h.content(interfacesFile))
	equal(t, "the copy", byHand, h.content(adoptedDir+interfacesFile))
	if err := h.UndoBridge(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	equal(t, "after undo", before, h.state())
}

func TestUndoLeavesAFileAloneThatWasEditedSince(t *testing.T) {
	h := newHost(t)
	h.write(interfacesFile, byHand)
	b, err := h.CaptureBridge(context.Background(), planBridge())
	if err != nil {
		t.Fatal(err)
	}
	h.applyBridge(Consent{Adopt: true})
	h.write(interfacesFile, byHandLeft+"# mine\n")
	var conflict *ConflictError
	if err := h.UndoBridge(context.Background(), b); !errors.As(err, &conflict) {
		t.Fatalf("undo: %v", err)
	}
	h.wantBridge("")
	if ds, err := h.ShowUndoBridge(context.Background(), b); err != nil || !strings.Contains(list(ds), "edited after") {
		t.Errorf("undo shows %v, %v", ds, err)
	}
}

func TestUndoOfAnAdoptedBareBridge(t *testing.T) {
	h := newHost(t)
	run(t, "ip link add vmbr1 type bridge; ip link set vmbr1 mtu 1400")
	before := h.state()
	b, err := h.CaptureBridge(context.Background(), planBridge())
	if err != nil {
		t.Fatal(err)
	}
	h.applyBridge(Consent{Adopt: true})
	run(t, "ip link set vmbr1 mtu 1450")
	if err := h.UndoBridge(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	equal(t, "after undo", before, h.state())
	run(t, "ip link del vmbr1")
	if err := h.UndoBridge(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(run(t, "ip -o link show vmbr1"), "mtu 1400") {
		t.Error("a bridge that was there before is not made again")
	}
}

func TestInterfacesThatCannotBeUsed(t *testing.T) {
	h := newHost(t)
	h.write(interfacesFile, "auto lo\niface lo inet loopback\n")
	f := h.lookBridge()
	if got := f.of(Conflict); len(got) != 1 || !strings.Contains(got[0].Note, "no source line") {
		t.Errorf("without a source line: %v", got)
	}
	run(t, "rm "+h.root+interfacesFile)
	f = h.lookBridge()
	if got := f.of(Conflict); len(got) != 1 || !strings.Contains(got[0].Note, "ifupdown2") {
		t.Errorf("without the file: %v", got)
	}
	h.write(interfacesFile, plainInterfaces)
	h.write("/etc/network/interfaces.d/site", "iface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n bridge-vlan-aware yes\n")
	f = h.lookBridge()
	if got := f.of(Conflict); len(got) != 1 || !strings.Contains(got[0].Note, "bridge-vlan-aware yes") || !strings.Contains(got[0].Object, "interfaces.d/site") {
		t.Errorf("with an option that ours does not have: %v", got)
	}
}

func TestTwoAddresses(t *testing.T) {
	h := newHost(t)
	want := planBridge()
	want.Addresses = append(want.Addresses, netip.MustParsePrefix("10.10.1.1/24"))
	if err := h.ApplyBridge(context.Background(), want, Consent{}); err != nil {
		t.Fatal(err)
	}
	if f, err := h.LookBridge(context.Background(), want); err != nil || len(f.Differences) > 0 {
		t.Errorf("look: %v, %v", f, err)
	}
}

func TestAWriteOfOursThatWasKilledIsNobodysStanza(t *testing.T) {
	h := newHost(t)
	h.write(tempName(ownInterfaces), "auto vmbr1\niface vmbr1 inet static\n address 10.10.0.1/24\n bridge-ports none\n")
	h.wantBridge("create file /etc/network/interfaces.d/waddle\ncreate link vmbr1")
	h.applyBridge(Consent{})
	if left := h.content(tempName(ownInterfaces)); left != "" {
		t.Errorf("it is still there:\n%s", left)
	}
}
