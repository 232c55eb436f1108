package pve

import (
	"regexp"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

var elsewhere = regexp.MustCompile(`^(?:(?:unused|serial|usb|hostpci|virtiofs)\d+|cdrom|tags)$`)

var numbered = regexp.MustCompile(`^(numa|net|ipconfig)\d+$`)

// optionPrivs tells which privilege an option of a VM's configuration needs.
func optionPrivs(opt string) (privs []string, known bool) {
	if m := numbered.FindStringSubmatch(opt); m != nil {
		opt = m[1] + "[n]"
	}
	for priv, options := range map[string]string{
		"VM.Config.CPU":     "cores cpu cpulimit cpuunits numa smp sockets vcpus numa[n]",
		"VM.Config.Memory":  "memory balloon shares",
		"VM.Config.HWType":  "acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0",
		"VM.Config.Options": "agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot ostype protection reboot startdate startup tdf template",
		"VM.PowerMgmt":      "freeze",
		"VM.Config.Disk":    "boot bootdisk vmstatestorage",
		"VM.Config.Network": "net[n]",
	} {
		if slices.Contains(strings.Fields(options), opt) {
			return []string{priv}, true
		}
	}
	if slices.Contains(cloudinitOptions, opt) || opt == "ipconfig[n]" {
		return []string{"VM.Config.Cloudinit", "VM.Config.Network"}, true
	}
	return nil, false
}

// mayConfigure checks the options that a call sets or removes, except those whose privilege
// depends on the value (see mayDrives, maySerial).
func (s *Server) mayConfigure(who string, vmid int, pool string, options []string) error {
	if who == "root@pam" {
		return nil
	}
	for _, opt := range options {
		if isDrive(opt) || elsewhere.MatchString(opt) {
			continue
		}
		privs, known := optionPrivs(opt)
		if !known {
			return die("only root can set '%s' config", opt)
		}
		if len(privs) > 1 {
			if err := s.needAny(who, vmPath(vmid), privs...); err != nil {
				return err
			}
			continue
		}
		if err := s.needVM(who, vmid, pool, privs...); err != nil {
			return err
		}
		if opt == "startup" { // it changes what the host does
			if err := s.need(who, "/", "Sys.Modify"); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayDevices: what is connected to the host is root's, a socket or a SPICE port is not.
func (s *Server) mayDevices(who string, vmid int, pool string, p map[string]string) error {
	if who == "root@pam" {
		return nil
	}
	for opt, value := range p {
		if !elsewhere.MatchString(opt) {
			continue
		}
		priv := "VM.Config.HWType"
		switch {
		case opt == "tags":
			priv = "VM.Config.Options"
		case strings.HasPrefix(opt, "serial") && value != "socket", strings.HasPrefix(opt, "usb") && !strings.EqualFold(value, "spice"):
			return die("only root can set '%s' config for real devices", opt)
		case strings.HasPrefix(opt, "hostpci"):
			return die("only root can set '%s' config for non-mapped devices", opt)
		case opt == "cdrom" || strings.HasPrefix(opt, "unused"):
			continue
		}
		if err := s.needVM(who, vmid, pool, priv); err != nil {
			return err
		}
	}
	return nil
}

// mayDrive is the privilege that replacing a drive of an existing VM needs.
func (s *Server) mayDrive(who string, vmid int, d drive) error {
	switch {
	case d.cloudinit():
		return s.need(who, vmPath(vmid), "VM.Config.Cloudinit", "VM.Config.CDROM")
	case d.cdrom() || d["file"] == "none":
		return s.need(who, vmPath(vmid), "VM.Config.CDROM")
	}
	return s.need(who, vmPath(vmid), "VM.Config.Disk")
}

// mayBridges wants SDN.Use on every bridge, and on the VLAN where a card has a tag.
func (s *Server) mayBridges(who string, config map[string]string) error {
	for _, opt := range nets(config) {
		n, err := schema.Net.Parse(opt, config[opt])
		if err != nil || n["bridge"] == "" {
			continue
		}
		path := "/sdn/zones/localnetwork/" + n["bridge"]
		if n["tag"] != "" {
			path += "/" + n["tag"]
		}
		if err := s.need(who, path, "SDN.Use"); err != nil {
			return err
		}
	}
	return nil
}
