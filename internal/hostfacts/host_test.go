package hostfacts

import (
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/waddle-social/waddle/internal/platform"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captured is a Proxmox VE host as testdata/pve has it.
func captured(tree string) Roots {
	return Roots{
		Proc: filepath.Join(tree, "proc"), Sys: filepath.Join(tree, "sys"),
		Etc: filepath.Join(tree, "etc"), Root: filepath.Join(tree, "root"),
	}
}

// kernel answers like the captured host's kernel.
type kernel struct {
	links  []netlink.Link
	addrs  map[string][]netlink.Addr
	routes map[int][]netlink.Route
}

func (k kernel) LinkList() ([]netlink.Link, error) { return k.links, nil }

func (k kernel) AddrList(l netlink.Link, _ int) ([]netlink.Addr, error) {
	return k.addrs[l.Attrs().Name], nil
}

func (k kernel) RouteListFiltered(family int, _ *netlink.Route, _ uint64) ([]netlink.Route, error) {
	return k.routes[family], nil
}

func attrs(index int, name string, master int) netlink.LinkAttrs {
	return netlink.LinkAttrs{Index: index, Name: name, MasterIndex: master, HardwareAddr: net.HardwareAddr{0x90, 0x1b, 0x0e, 0, 0, byte(index)}}
}

func addr(t *testing.T, cidr string, flags int) netlink.Addr {
	t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	a.Flags = flags
	return *a
}

func pveKernel(t *testing.T) kernel {
	return kernel{
		links: []netlink.Link{
			&netlink.Device{LinkAttrs: attrs(1, "lo", 0)},
			&netlink.Device{LinkAttrs: attrs(2, "enp5s0", 3)},
			&netlink.Bridge{LinkAttrs: attrs(3, "vmbr0", 0)},
			&netlink.Tuntap{LinkAttrs: attrs(4, "tap100i0", 3)},
		},
		addrs: map[string][]netlink.Addr{
			"lo": {addr(t, "127.0.0.1/8", 0), addr(t, "::1/128", 0)},
			"vmbr0": {
				addr(t, "203.0.113.10/24", 0), addr(t, "2001:db8:1::10/64", 0),
				addr(t, "2001:db8:1::dead/64", 0x01), addr(t, "fe80::1/64", 0),
			},
		},
		routes: map[int][]netlink.Route{
			netlink.FAMILY_V4: {
				{LinkIndex: 2, Gw: net.IPv4(203, 0, 113, 254), Priority: 200},
				{LinkIndex: 3, Gw: net.IPv4(203, 0, 113, 1), Priority: 100},
			},
			netlink.FAMILY_V6: {{LinkIndex: 3, Gw: net.ParseIP("fe80::ff"), Priority: 1024}},
		},
	}
}

func TestTheFactsOfACapturedProxmoxHost(t *testing.T) {
	f, err := New(captured("testdata/pve"), pveKernel(t)).Look()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/pve.json"
	got := string(raw) + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the facts differ (-want +got), -update writes them anew:\n%s", diff)
	}
}

func TestAProposalForTheCapturedHostAsksOnlyWhatNobodyCanSee(t *testing.T) {
	f, err := New(captured("testdata/pve"), pveKernel(t)).Look()
	if err != nil {
		t.Fatal(err)
	}
	_, questions := platform.Propose(f)
	for _, q := range questions {
		for _, seen := range []string{"spec.host.", "spec.network.public."} {
			if strings.HasPrefix(q.Path, seen) {
				t.Errorf("the proposal asks for %s, which can be seen on the host", q.Path)
			}
		}
	}
}

func TestABareHostHasNoPoolsNoStoragesAndNoUplink(t *testing.T) {
	tree := t.TempDir()
	for name, text := range map[string]string{
		"proc/sys/kernel/hostname": "bare.example.org\n",
		"proc/cpuinfo":             "processor : 0\n",
		"proc/meminfo":             "MemTotal: 1024 kB\n",
	} {
		write(t, filepath.Join(tree, name), text)
	}
	f, err := New(captured(tree), kernel{}).Look()
	if err != nil {
		t.Fatal(err)
	}
	want := platform.Facts{Node: "bare", Threads: 1, MemoryBytes: 1 << 20}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("facts differ (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeUnderstoodIsAnErrorThatNamesTheFile(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"a meminfo without a total":             {"proc/meminfo", "MemFree: 3 kB\n", "MemTotal"},
		"a total that is no number":             {"proc/meminfo", "MemTotal: many kB\n", "meminfo"},
		"a cpuinfo without a processor":         {"proc/cpuinfo", "flags: fpu\n", "processor"},
		"a storage.cfg that starts in a middle": {"etc/pve/storage.cfg", "\tpool rpool\n", "storage.cfg:1"},
		"a storage.cfg without a type":          {"etc/pve/storage.cfg", "dir: a\n\tpath /a\nlocal\n", "storage.cfg:3"},
		"a disk without a number":               {"sys/block/nvme0n1/size", "big\n", "nvme0n1"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := t.TempDir()
			if err := os.CopyFS(tree, os.DirFS("testdata/pve")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(tree, c.file), c.text)
			_, err := New(captured(tree), kernel{}).Look()
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("got error %v, want one that starts with \"cannot\" and names %s", err, c.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
