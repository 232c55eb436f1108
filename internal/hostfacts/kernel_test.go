package hostfacts

import (
	"net"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/waddle-social/waddle/internal/platform"
)

// TestTheRealKernelsAnswersAreUnderstood needs root: it makes a network
// namespace of its own with a bridge like vmbr0.
func TestTheRealKernelsAnswersAreUnderstood(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test needs root to make a network namespace")
		}
		t.Skip("this test needs root to make a network namespace")
	}
	nl := namespace(t)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "vmbr0", HardwareAddr: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}}}
	port := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "enp1s0", HardwareAddr: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 2}}, PeerName: "wire", PeerHardwareAddr: net.HardwareAddr{0x52, 0x54, 0, 0, 0, 3}}
	for _, l := range []netlink.Link{bridge, port} {
		must(t, nl.LinkAdd(l))
	}
	must(t, nl.LinkSetMaster(port, bridge))
	wire, err := nl.LinkByName("wire")
	must(t, err)
	for _, l := range []netlink.Link{bridge, port, wire} { // a bridge has a carrier when a port has one
		must(t, nl.LinkSetUp(l))
	}
	for _, cidr := range []string{"203.0.113.10/24", "2001:db8:1::10/64"} {
		a := addr(t, cidr, 0)
		a.Flags = 0x02 // IFA_F_NODAD: no waiting for duplicate address detection
		must(t, nl.AddrAdd(bridge, &a))
	}
	for _, gw := range []string{"203.0.113.1", "2001:db8:1::1"} {
		must(t, nl.RouteAdd(&netlink.Route{LinkIndex: bridge.Attrs().Index, Gw: net.ParseIP(gw)}))
	}
	must(t, nl.RouteAdd(&netlink.Route{LinkIndex: bridge.Attrs().Index, Gw: net.IPv4(203, 0, 113, 9), Priority: 500}))

	f, err := New(captured("testdata/pve"), nl).Look()
	must(t, err)
	want := []platform.LinkFact{
		{Name: "enp1s0", MAC: "52:54:00:00:00:02"},
		{Name: "vmbr0", MAC: "52:54:00:00:00:01", Bridge: true, Ports: []string{"enp1s0"}, Addresses: prefixes("203.0.113.10/24", "2001:db8:1::10/64")},
		{Name: "wire", MAC: "52:54:00:00:00:03"},
	}
	// Kernels with tunnel modules put tunl0, sit0 and the like into each namespace.
	ours := slices.DeleteFunc(f.Links, func(l platform.LinkFact) bool {
		return !slices.Contains([]string{"vmbr0", "enp1s0", "wire"}, l.Name)
	})
	if diff := cmp.Diff(want, ours, byText); diff != "" {
		t.Errorf("links differ (-want +got):\n%s", diff)
	}
	up := &platform.UplinkFact{Link: "vmbr0", Gateway4: address("203.0.113.1"), Gateway6: address("2001:db8:1::1")}
	if diff := cmp.Diff(up, f.Uplink, byText); diff != "" {
		t.Errorf("uplink differs (-want +got):\n%s", diff)
	}
}

// namespace returns a handle into a new network namespace, which ends with it.
func namespace(t *testing.T) *netlink.Handle {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	must(t, err)
	defer home.Close()
	fresh, err := netns.New() // enters it
	must(t, err)
	defer fresh.Close()
	defer func() { must(t, netns.Set(home)) }()
	nl, err := netlink.NewHandle()
	must(t, err)
	t.Cleanup(nl.Close)
	return nl
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
