package netfw

import (
	"fmt"
	"strings"
)

// lookFirewallBridges says what VMs behind a bridge of their own need, which
// Proxmox makes for a NIC whose firewall flag is on.
func (d *Driver) lookFirewallBridges(f *Finding, l *rulesLook) error {
	links, err := allLinks()
	if err != nil {
		return err
	}
	for _, link := range links {
		if name := link.Attrs().Name; strings.HasPrefix(name, "fwbr") {
			d.lookFirewallBridge(f, l, name)
			return nil // one says it all
		}
	}
	return nil
}

func (d *Driver) lookFirewallBridge(f *Finding, l *rulesLook, name string) {
	all, _ := d.sysctl("sys/net/ipv4/conf/all/arp_ignore")
	own, _ := d.sysctl(fmt.Sprintf("sys/net/ipv4/conf/%s/arp_ignore", name))
	if all == "0" && own == "0" {
		f.note("%s: the host answers ARP for its address of %s there too, and a VM that takes that answer does not come in by %[2]s and is refused; set net.ipv4.conf.all.arp_ignore=1, or switch the firewall flag of the VM's NIC off", name, l.cfg.InternalBridge)
	}
	calls, _ := d.sysctl("sys/net/bridge/bridge-nf-call-iptables")
	if calls == "1" && !hasZone(l.snap.rules[IPv4]) {
		f.note("%s: bridge-nf-call-iptables is 1, so a VM's connections are tracked there first and not masqueraded later; Proxmox's manual asks for: iptables -t raw -I PREROUTING -i fwbr+ -j CT --zone 1", name)
	}
}

// hasZone reports whether connections on firewall bridges are tracked apart.
func hasZone(is saved) bool {
	c := is.chain("raw", "PREROUTING")
	if c == nil {
		return false
	}
	for _, text := range c.texts() {
		if strings.Contains(text, "-i fwbr") && strings.Contains(text, "--zone") {
			return true
		}
	}
	return false
}
