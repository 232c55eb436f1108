package lab

import "context"

// handTyped is the network part of the plan's phases 0 and 1, as an operator types it:
// the plan's own lines wherever it has lines ("Phase 0", step 2; "Phase 1", step 3), and
// what its words mean on Proxmox elsewhere (steps 1, 2 and 6).
var handTyped = []string{
	`iptables -A INPUT -p tcp --dport 8006 -j DROP`,
	`iptables -A INPUT -p tcp --dport 22 -j ACCEPT`,
	`iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT`,
	`iptables -A INPUT -i lo -j ACCEPT`,
	`iptables -A INPUT -j DROP`,
	`printf '\nauto vmbr1\niface vmbr1 inet static\n\taddress 10.10.0.1/24\n\tbridge-ports none\n\tbridge-stp off\n\tbridge-fd 0\n' >> /etc/network/interfaces`,
	`ip link add vmbr1 type bridge`,
	`ip addr add 10.10.0.1/24 dev vmbr1`,
	`ip link set vmbr1 up`,
	`echo 'net.ipv4.ip_forward=1' >> /etc/sysctl.conf`,
	`sysctl -p`,
	`iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j MASQUERADE`,
	`mkdir -p /etc/iptables`,
	`iptables-save > /etc/iptables/rules.v4`,
	`ip6tables-save > /etc/iptables/rules.v6`,
}

// handType types the plan's commands on the host.
func (s seam) handType(ctx context.Context, l *Lab) error {
	for _, line := range handTyped {
		typed := func() error {
			_, err := l.Host.Run(ctx, "sh", "-c", line)
			return err
		}
		if err := s.do("type "+line, typed); err != nil {
			return err
		}
	}
	return nil
}
