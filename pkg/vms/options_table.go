package vms

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// option is one setting of a VM that is no drive: what it should be, and how it is
// compared.
type option struct {
	name   string
	want   string // "" means that it should not be there
	absent string // what it means when it is not there
	normal func(string) string
	// effect is how a running VM takes a change. A VM that is off takes all at once.
	effect Effect
	guest  bool // it is on the cloud-init drive: the guest reads it when it boots
}

func (o option) same(value string) bool {
	return o.value(value) == o.value(o.want)
}

func (o option) value(text string) string {
	if text == "" {
		text = o.absent
	}
	if o.normal == nil {
		return text
	}
	return o.normal(text)
}

// options are the settings that the Spec speaks of.
func (s Spec) options(tag string) []option {
	all := []option{
		{name: "name", want: s.Name, effect: EffectLive},
		{name: "tags", want: s.tags(tag), effect: EffectLive, normal: sorted},
		{name: "onboot", want: bit(s.OnBoot), absent: "0", effect: EffectLive},
		{name: "cores", want: strconv.Itoa(s.Cores), absent: "1", effect: EffectReboot},
		{name: "sockets", want: "1", absent: "1", effect: EffectReboot},
		{name: "vcpus", effect: EffectReboot}, // it would take from the cores
		{name: "cpu", want: s.CPU, absent: "kvm64", effect: EffectReboot, normal: cpu},
		{name: "memory", want: strconv.Itoa(s.Memory), absent: "512", effect: EffectReboot, normal: memory},
		{name: "balloon", want: strconv.Itoa(s.Balloon), effect: EffectReboot},
		{name: "machine", want: s.Machine, absent: "pc", effect: EffectReboot},
		{name: "bios", want: s.BIOS, absent: "seabios", effect: EffectReboot},
		{name: "ostype", want: s.OSType, absent: "other", effect: EffectReboot},
		{name: "scsihw", want: s.SCSI, absent: "lsi", effect: EffectReboot},
		{name: "boot", want: "order=" + strings.Join(s.Boot, ";"), effect: EffectReboot, normal: bootOrder},
		{name: "agent", want: bit(s.Agent), absent: "0", effect: EffectReboot, normal: agentOn},
		{name: "serial0", want: serial(s.Serial), effect: EffectReboot},
	}
	if s.Description != "" {
		all = append(all, option{name: "description", want: s.Description, effect: EffectLive, normal: strings.TrimSpace})
	}
	if s.Startup != nil {
		all = append(all, option{name: "startup", want: s.Startup.print(), effect: EffectLive, normal: startup})
	}
	for i, nic := range s.NICs {
		all = append(all, option{name: numbered("net", i), want: nic.print(), effect: EffectLive, normal: card})
	}
	return append(all, s.guestOptions()...)
}

// guestOptions are on the cloud-init drive.
func (s Spec) guestOptions() []option {
	ci := s.CloudInit
	if ci == nil {
		return nil
	}
	all := []option{
		{name: "ciuser", want: ci.User},
		{name: "sshkeys", want: ci.keys(), normal: sshKeys},
		{name: "nameserver", want: ci.resolvers(), normal: list},
		{name: "searchdomain", want: ci.Domain},
		{name: "ciupgrade", want: bit(ci.Upgrade), absent: "1"},
		{name: "cicustom", want: custom(ci.Custom), normal: anyOrder},
	}
	for i, ip := range ci.Addresses {
		all = append(all, option{name: numbered("ipconfig", i), want: ip.print(), normal: anyOrder})
	}
	for i := range all {
		all[i].effect, all[i].guest = EffectReboot, true
	}
	return all
}

func serial(on bool) string {
	if on {
		return "socket"
	}
	return ""
}

func sorted(text string) string {
	all := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(";, ", r) })
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ";")
}

func list(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(";, \t\n", r) }), " ")
}

func cpu(text string) string     { return parseProps(text, "cputype").print("cputype") }
func memory(text string) string  { return parseProps(text, "current")["current"] }
func agentOn(text string) string { return parseProps(text, "enabled")["enabled"] }
func startup(text string) string { return parseProps(text, "order").print("order") }
func anyOrder(text string) string {
	return parseProps(text, "").print("")
}

func bootOrder(text string) string {
	return strings.Join(strings.FieldsFunc(strings.TrimPrefix(text, "order="), func(r rune) bool { return strings.ContainsRune(";, ", r) }), ";")
}

func sshKeys(text string) string {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return text
	}
	var all []string
	for line := range strings.Lines(plain) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}
