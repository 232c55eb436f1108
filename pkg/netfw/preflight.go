package netfw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Preflight returns one line for each thing that is missing here, none when the
// driver can work. It changes nothing and is meant for the daemon's start: it
// starts more processes than a look.
func (d *Driver) Preflight(ctx context.Context) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !isNetAdmin() {
		say("the network cannot be changed without CAP_NET_ADMIN: run as root")
		return out // nothing else can be looked at
	}
	if _, err := netlink.LinkList(); err != nil {
		say("the kernel does not answer on rtnetlink: %v", err)
	}
	if _, err := d.sysctl(ipForward); err != nil {
		say("IPv4 forwarding cannot be looked at: %v; is proc mounted at %s?", err, d.proc)
	}
	if !d.knowsBridges() {
		say("the kernel has no bridges: load the module bridge")
	}
	d.look.Lock()
	t, err := d.findTools()
	d.look.Unlock()
	if err != nil {
		return append(out, err.Error())
	}
	return append(out, d.preflightRules(ctx, t)...)
}

func isNetAdmin() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&hdr, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

// knowsBridges finds out without making a bridge: one is there, the module is
// loaded or built in, or it can be loaded.
func (d *Driver) knowsBridges() bool {
	links, err := allLinks()
	if err == nil && slices.ContainsFunc(links, func(l netlink.Link) bool { return l.Type() == "bridge" }) {
		return true
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return true
	}
	release := unix.ByteSliceToString(u.Release[:])
	for _, name := range []string{"/sys/module/bridge", "/proc/sys/net/bridge"} {
		if _, err := os.Stat(name); err == nil {
			return true
		}
	}
	for _, list := range []string{"modules.builtin", "modules.dep"} {
		b, err := os.ReadFile(filepath.Join("/lib/modules", release, list))
		if err == nil && strings.Contains(string(b), "/bridge/bridge.ko") {
			return true
		}
	}
	return false
}

func (d *Driver) preflightRules(ctx context.Context, t *tools) []string {
	var out []string
	// --test has the program load what it needs and parse, and changes nothing.
	probe := map[Family]string{
		IPv4: "*filter\n:WADDLE-PROBE - [0:0]\n-A WADDLE-PROBE -m conntrack --ctstate INVALID -m physdev --physdev-is-bridged -j DROP\nCOMMIT\n" +
			"*nat\n:WADDLE-PROBE - [0:0]\n-A WADDLE-PROBE -o lo -j MASQUERADE\nCOMMIT\n",
		IPv6: "*filter\n:WADDLE-PROBE - [0:0]\n-A WADDLE-PROBE -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\nCOMMIT\n",
	}
	for _, f := range families {
		if err := d.restore(ctx, t, f, probe[f], true); err != nil {
			out = append(out, fmt.Sprintf("the firewall rules cannot be loaded here (tables filter and nat, matches conntrack and physdev): %v", err))
		}
	}
	if line := d.mixedFlavours(ctx, t); line != "" {
		out = append(out, line)
	}
	return out
}

// otherFlavour is mixedFlavours for a look: it starts a process only where the
// kernel says that the other flavour has a table.
func (d *Driver) otherFlavour(ctx context.Context, t *tools) string {
	if t.flavour == NFTables && d.hasLegacyTables() || t.flavour == Legacy && hasNFTables() {
		return d.mixedFlavours(ctx, t)
	}
	return ""
}

func hasNFTables() bool {
	return slices.ContainsFunc(families, func(f Family) bool {
		made, err := nftTables(f)
		return err == nil && len(made) > 0
	})
}

// hasLegacyTables reads the names of the tables of this network namespace
// (net/ipv4/netfilter/ip_tables.c); without the module there is no such file.
func (d *Driver) hasLegacyTables() bool {
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		if b, err := os.ReadFile(filepath.Join(d.proc, "thread-self/net", name)); err == nil && len(b) > 0 {
			return true
		}
	}
	return false
}

// mixedFlavours says so when the other flavour has rules: packets pass both.
func (d *Driver) mixedFlavours(ctx context.Context, t *tools) string {
	other, name := "iptables-legacy-save", Legacy
	if t.flavour == Legacy {
		other, name = "iptables-nft-save", NFTables
	}
	for _, cmd := range []string{other, "ip6" + strings.TrimPrefix(other, "ip")} {
		p, err := exec.LookPath(cmd)
		if errors.Is(err, exec.ErrNotFound) {
			continue
		}
		if err := d.op("exec:" + cmd); err != nil {
			return err.Error()
		}
		text, err := d.run(ctx, p, "")
		if err != nil {
			continue // that flavour is not in this kernel
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "-A ") {
				return fmt.Sprintf("both flavours of iptables have rules: the command is %s, and %s shows %s rules, which ours do not see; remove them (first: %s)",
					t.flavour, cmd, name, strings.TrimSpace(line))
			}
		}
	}
	return ""
}
