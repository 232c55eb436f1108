package schema

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// plain are the formats that one pattern describes, with the words of the refusal; %s is the value.
var plain = map[string]struct{ pattern, refusal string }{
	"pve-node":             {`(?i:[a-z0-9](?i:[a-z0-9\-]*[a-z0-9])?)`, "value does not look like a valid node name"},
	"pve-vmid":             {`[1-9][0-9]{2,8}`, "value does not look like a valid VM ID"},
	"pve-configid":         {`(?i:[a-z][a-z0-9_-]+)`, "invalid configuration ID '%s'"},
	"dns-name":             {`(?:[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?`, "value does not look like a valid DNS name"},
	"mac-addr":             {`(?i:[a-f0-9][02468ace](?::[a-f0-9]{2}){5})`, "value does not look like a valid unicast MAC address"},
	"pve-bridge-id":        {`[-_.\w\d]+`, "invalid bridge ID '%s'"},
	"disk-size":            {`\d+(?:\.\d+)?[KMGT]?`, "value does not look like a valid disk size: %s"},
	"urlencoded":           {`[-%a-zA-Z0-9_.!~*'()]*`, "invalid urlencoded string: %s"},
	"pve-tag":              {`(?i:[a-z0-9_][a-z0-9_\-\+\.]*)`, "invalid characters in tag"},
	"pve-poolid":           {`[A-Za-z0-9\.\-_]+(?:/[A-Za-z0-9\.\-_]+){0,2}`, "pool name '%s' contains invalid characters"},
	"pve-roleid":           {`[A-Za-z0-9\.\-_]+`, "role name '%s' contains invalid characters"},
	"pve-groupid":          {`[A-Za-z0-9\.\-_]+`, "group name '%s' contains invalid characters"},
	"pve-realm":            {`[A-Za-z][A-Za-z0-9\.\-_]+`, "value does not look like a valid realm"},
	"pve-tokenid":          {`[^\s:/]+@[A-Za-z][A-Za-z0-9\.\-_]+![A-Za-z][A-Za-z0-9\.\-_]+`, "value '%s' does not look like a valid token ID"},
	"pve-userid":           {`[^\s:/]+@[A-Za-z][A-Za-z0-9\.\-_]+`, "value '%s' does not look like a valid user name"},
	"pve-storage-content":  {`images|rootdir|vztmpl|iso|backup|snippets|import|none`, "invalid content type '%s'"},
	"pve-iface":            {`(?i:[a-z][a-z0-9_]{1,20}(?:[:\.]\d+)?)`, "invalid network interface name '%s'"},
	"email":                {`\S+@\S+`, "value does not look like a valid email address"},
	"pve-volume-id":        {`(?i:[a-z][a-z0-9\-\_\.]*[a-z0-9]):.+`, "unable to parse volume ID '%s'"},
	"pve-cpuset":           {`\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*`, "invalid cpuset '%s'"},
	"pve-qm-bootdisk":      {`(?:ide[0-3]|sata[0-5]|scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5]))`, "invalid boot disk '%s'"},
	"storage-pair":         {`[^:\s]+(?::[^:\s]+)?`, "entry '%s' contains invalid ID"},
	"pve-task-status-type": {`ok|error|warning|unknown`, "invalid status '%s'"},
	"pve-boot-device":      {`(?:ide[0-3]|sata[0-5]|scsi(?:[0-9]|[12][0-9]|30)|virtio(?:[0-9]|1[0-5])|net(?:[0-9]|[12][0-9]|3[01])|usb\d+|hostpci\d+)`, "invalid boot device '%s'"},
}

// strings of properties that Proxmox registers under a name.
var namedProps = map[string]Params{
	"pve-qm-boot": {
		"legacy": str().like(`[acdn]{1,4}`).opt().def(),
		"order":  formatted("pve-boot-device-list").opt(),
	},
	"pve-qm-smbios1":  smbios,
	"pve-qm-cicustom": CICustom,
	"pve-qm-ipconfig": IPConfig,
	"pve-qm-watchdog": {
		"model":  str().of("i6300esb", "ib700").opt().def(),
		"action": str().of("reset", "shutdown", "poweroff", "pause", "debug", "none").opt(),
	},
	"pve-qm-rng": {
		"source":    str().of("/dev/urandom", "/dev/random", "/dev/hwrng").def(),
		"max_bytes": integer().opt(),
		"period":    integer().opt(),
	},
	"pve-qemu-sev-fmt": {
		"type":           str().of("std", "es", "snp").def(),
		"no-debug":       boolean().opt(),
		"no-key-sharing": boolean().opt(),
		"allow-smt":      boolean().opt(),
		"kernel-hashes":  boolean().opt(),
	},
	"pve-qm-ide": Drive("ide"),
}

func checkNamed(format, path, text string) error {
	if one, ok := strings.CutSuffix(format, "-list"); ok {
		for _, item := range List(text) {
			if err := checkNamed(one, path, item); err != nil {
				return err
			}
		}
		return nil
	}
	if one, ok := strings.CutSuffix(format, "-opt"); ok {
		if text == "" {
			return nil
		}
		return checkNamed(one, path, text)
	}
	if sub, ok := namedProps[format]; ok {
		_, err := sub.parse(path, text)
		return err
	}
	if f, ok := plain[format]; ok {
		return refuseUnless(matches(f.pattern, text), f.refusal, text)
	}
	return checkSpecial(format, path, text)
}

func refuseUnless(ok bool, refusal, text string) error {
	if ok {
		return nil
	}
	if strings.Contains(refusal, "%s") {
		refusal = fmt.Sprintf(refusal, text)
	}
	return fmt.Errorf("%s", refusal)
}

// checkSpecial checks the formats that a pattern cannot describe. A format that it does not know passes.
func checkSpecial(format, path, s string) error {
	switch format {
	case "ipv4":
		return refuseUnless(isIP(s, 4), "value does not look like a valid IPv4 address", s)
	case "ipv6":
		return refuseUnless(isIP(s, 6), "value does not look like a valid IPv6 address", s)
	case "CIDR":
		return refuseUnless(isCIDR(s, 4) || isCIDR(s, 6), "value does not look like a valid CIDR network", s)
	case "address":
		name := matches(plain["dns-name"].pattern, s)
		return refuseUnless(isIP(s, 4) || isIP(s, 6) || name, "value does not look like a valid address: %s", s)
	case "pve-ipv4-config":
		ok := s == "dhcp" || s == "manual" || isCIDR(s, 4)
		return refuseUnless(ok, "value does not look like a valid ipv4 network configuration", s)
	case "pve-ipv6-config":
		ok := s == "dhcp" || s == "manual" || s == "auto" || isCIDR(s, 6)
		return refuseUnless(ok, "value does not look like a valid ipv6 network configuration", s)
	case "pve-storage-id":
		return checkStorageID(s)
	case "pve-startup-order":
		return checkStartup(s)
	case "pve-hotplug-features":
		return checkHotplug(s)
	case "pve-vm-cpu-conf":
		return checkCPU(path, s)
	case "pve-priv":
		return refuseUnless(Privileges[s], "invalid privilege '%s'", s)
	case "pve-volume-id-or-qm-path":
		return checkPath(path, s, "none", "cdrom")
	case "pve-volume-id-or-absolute-path":
		return checkPath(path, s)
	}
	return nil
}

func isIP(s string, family int) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == "" && a.Is4() == (family == 4)
}

// isCIDR wants a prefix of at least 8 bits, as Proxmox does.
func isCIDR(s string, family int) bool {
	p, err := netip.ParsePrefix(s)
	return err == nil && p.Addr().Is4() == (family == 4) && p.Bits() > 7
}

func checkStorageID(s string) error {
	if len(s) < 2 {
		return fmt.Errorf("storage ID '%s' cannot be shorter than 2 characters", s)
	}
	return refuseUnless(matches(`(?i:[a-z][a-z0-9\-\_\.]*[a-z0-9])`, s), "storage ID '%s' contains illegal characters", s)
}

func checkPath(path, s string, words ...string) error {
	for _, w := range words {
		if s == w {
			return nil
		}
	}
	if strings.HasPrefix(s, "/") {
		return nil
	}
	// 32 is the shorthand for STORAGE:32 with the call's default storage.
	if len(words) > 0 && newDisk.MatchString(s) {
		return nil
	}
	return checkNamed("pve-volume-id", path, s)
}

var newDisk = regexp.MustCompile(`^(?:([^/:\s]+):)?(\d+(?:\.\d+)?)$`)

var startupPart = regexp.MustCompile(`^(?:(?:order=)?\d+|up=\d+|down=\d+)$`)

func checkStartup(s string) error {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if !startupPart.MatchString(part) {
			return fmt.Errorf("unable to parse startup options")
		}
	}
	return nil
}

func checkHotplug(s string) error {
	if s == "0" || s == "1" {
		return nil
	}
	for _, f := range List(s) {
		if !matches(`network|disk|cpu|memory|usb|cloudinit`, f) {
			return fmt.Errorf("invalid hotplug feature '%s'", f)
		}
	}
	return nil
}

func checkCPU(path, s string) error {
	got, err := cpu.parse(path, s)
	if err != nil {
		return err
	}
	model := got["cputype"]
	if model == "" || strings.HasPrefix(model, "custom-") {
		return nil
	}
	return refuseUnless(cpuModels[model], "Built-in cputype '%s' is not defined (missing 'custom-' prefix?)", model)
}
