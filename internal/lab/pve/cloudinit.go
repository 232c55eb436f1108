package pve

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

// CloudInit is what a VM's cloud-init drive says: the generated files, or those that cicustom names.
type CloudInit struct{ User, Network, Meta, Vendor string }

// onCloudinit tells whether an option goes onto the cloud-init drive.
func onCloudinit(opt string) bool {
	return slices.Contains(cloudinitOptions, opt) || strings.HasPrefix(opt, "ipconfig")
}

func onDrive(config map[string]string) map[string]string {
	all := map[string]string{}
	for opt, v := range config {
		if onCloudinit(opt) || opt == "name" || netName.MatchString(opt) {
			all[opt] = v
		}
	}
	return all
}

// regenerate makes the cloud-init drive anew, as Proxmox does at every start and when it is asked.
func (v *vm) regenerate() { v.Drive = onDrive(v.Config) }

func (v *vm) hasCloudinit() bool {
	return slices.ContainsFunc(drives(v.Config), func(opt string) bool { return mustDrive(opt, v.Config[opt]).cloudinit() })
}

// cloudinitPending says what differs between the settings and the drive, and as Proxmox it leaves things
// out: of a value that became another one it tells for its own cloud-init options alone, so that another
// address, name or card is not seen. What came and what went is told of all.
func (s *Server) cloudinitPending(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	tell := func(opt, kind, value string) map[string]any {
		if opt == "cipassword" {
			value = "**********"
		}
		return map[string]any{"key": opt, kind: value}
	}
	now := onDrive(v.Config)
	for _, opt := range slices.Sorted(maps.Keys(now)) {
		had, was := v.Drive[opt]
		switch {
		case !was:
			all = append(all, tell(opt, "pending", now[opt]))
		case slices.Contains(cloudinitOptions, opt) && truth(now[opt]):
			m := tell(opt, "value", had)
			if had != now[opt] {
				maps.Copy(m, tell(opt, "pending", now[opt]))
			}
			all = append(all, m)
		}
	}
	for _, opt := range slices.Sorted(maps.Keys(v.Drive)) {
		if v.Drive[opt] != now[opt] && !truth(now[opt]) {
			all = append(all, map[string]any{"key": opt, "delete": 1})
		}
	}
	return all, nil
}

// truth is Perl's: "0" is none.
func truth(value string) bool { return value != "" && value != "0" }

func (s *Server) cloudinitUpdate(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	if err := v.unlocked(); err != nil {
		return nil, err
	}
	v.regenerate()
	return nil, nil
}

func (s *Server) cloudinitDump(r *request) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	ci, err := s.seed(v.ID, onDrive(v.Config))
	if err != nil {
		return nil, err
	}
	return map[string]string{"user": ci.User, "network": ci.Network, "meta": ci.Meta}[r.text("type")], nil
}

// seed writes the files of a cloud-init drive.
func (s *Server) seed(vmid int, config map[string]string) (CloudInit, error) {
	ci := CloudInit{User: userData(vmid, config), Network: networkData(config)}
	custom, _ := schema.CICustom.Parse("cicustom", config["cicustom"])
	for part, to := range map[string]*string{"user": &ci.User, "network": &ci.Network, "vendor": &ci.Vendor, "meta": &ci.Meta} {
		if custom[part] == "" {
			continue
		}
		text, err := s.snippet(custom[part])
		if err != nil {
			return ci, err
		}
		*to = text
	}
	if ci.Meta == "" {
		ci.Meta = "instance-id: " + digest(map[string]string{"user": ci.User, "network": ci.Network}) + "\n"
	}
	return ci, nil
}

func (s *Server) snippet(volid string) (string, error) {
	store, name := splitVolid(volid)
	st, err := s.storage(store)
	if err != nil {
		return "", err
	}
	if kind(name) != "snippets" || st.Type != "dir" {
		return "", die("%s is not in the snippets directory", volid)
	}
	if !st.has("snippets") {
		return "", die("%s: content type 'snippets' is not available on storage '%s'", volid, store)
	}
	real, _ := st.file("snippets", path.Base(name))
	raw, err := os.ReadFile(real)
	if err != nil {
		return "", die("volume '%s' does not exist", volid)
	}
	return string(raw), nil
}

func userData(vmid int, config map[string]string) string {
	name := or(config["name"], fmt.Sprintf("VM%d", vmid))
	short, _, _ := strings.Cut(name, ".")
	var b strings.Builder
	fmt.Fprintf(&b, "#cloud-config\nhostname: %s\nmanage_etc_hosts: true\n", short)
	if name != short {
		fmt.Fprintf(&b, "fqdn: %s\n", name)
	}
	if u := config["ciuser"]; u != "" {
		fmt.Fprintf(&b, "user: %s\n", u)
	}
	if p := config["cipassword"]; p != "" {
		fmt.Fprintf(&b, "password: %s\n", p)
	}
	if keys, err := url.QueryUnescape(config["sshkeys"]); err == nil && keys != "" {
		b.WriteString("ssh_authorized_keys:\n")
		for key := range strings.SplitSeq(strings.TrimSpace(keys), "\n") {
			fmt.Fprintf(&b, "  - %s\n", key)
		}
	}
	b.WriteString("chpasswd:\n  expire: False\nusers:\n  - default\n")
	if config["ciupgrade"] != "0" {
		b.WriteString("package_upgrade: true\n")
	}
	return b.String()
}

// networkData is the network configuration of version 1 that Proxmox writes.
func networkData(config map[string]string) string {
	var b strings.Builder
	b.WriteString("version: 1\nconfig:\n")
	for _, opt := range nets(config) {
		n, err := schema.Net.Parse(opt, config[opt])
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "    - type: physical\n      name: eth%s\n      mac_address: '%s'\n      subnets:\n", opt[3:], strings.ToLower(n["macaddr"]))
		ip, _ := schema.IPConfig.Parse("ipconfig", config["ipconfig"+opt[3:]])
		subnets(&b, ip["ip"], ip["gw"], "4")
		subnets(&b, ip["ip6"], ip["gw6"], "6")
	}
	servers, domain := schema.List(config["nameserver"]), config["searchdomain"]
	if len(servers) > 0 || domain != "" {
		b.WriteString("    - type: nameserver\n      address:\n")
		for _, ns := range servers {
			fmt.Fprintf(&b, "      - '%s'\n", ns)
		}
		if domain != "" {
			fmt.Fprintf(&b, "      search:\n      - '%s'\n", domain)
		}
	}
	return b.String()
}

func subnets(b *strings.Builder, ip, gateway, family string) {
	switch ip {
	case "", "manual":
	case "dhcp":
		fmt.Fprintf(b, "      - type: dhcp%s\n", family)
	case "auto":
		b.WriteString("      - type: ipv6_slaac\n")
	default:
		p, err := netip.ParsePrefix(ip)
		if err != nil {
			return
		}
		if family == "6" {
			fmt.Fprintf(b, "      - type: static6\n        address: '%s'\n", ip)
		} else {
			mask := netip.AddrFrom4(maskOf(p.Bits()))
			fmt.Fprintf(b, "      - type: static\n        address: '%s'\n        netmask: '%s'\n", p.Addr(), mask)
		}
		if gateway != "" {
			fmt.Fprintf(b, "        gateway: '%s'\n", gateway)
		}
	}
}

func maskOf(bits int) [4]byte {
	m := ^uint32(0) << (32 - bits)
	return [4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}
}
