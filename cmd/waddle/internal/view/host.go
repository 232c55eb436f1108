package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

// Host is what was seen of a host.
func Host(f platform.Facts) string {
	rows := [][]string{
		{"node", f.Node},
		{"CPUs", fmt.Sprint(f.Threads)},
		{"memory", size(f.MemoryBytes)},
		{"IPv6", onOff(f.IPv6)},
	}
	for _, d := range f.Disks {
		rows = append(rows, []string{"disk", d.Name + "  " + size(d.Bytes) + "  " + d.Model})
	}
	rows = append(rows, []string{"pools", orNone(strings.Join(f.Pools, ", "))})
	for _, s := range f.Storages {
		text := s.Name + "  " + s.Type + "  " + strings.Join(s.Content, ",")
		if s.Dataset != "" {
			text += "  on " + s.Dataset
		}
		rows = append(rows, []string{"storage", text})
	}
	if len(f.SSHPorts) > 0 {
		rows = append(rows, []string{"SSH", "port " + strings.Trim(fmt.Sprint(f.SSHPorts), "[]")})
	}
	rows = append(rows, []string{"root's keys", fmt.Sprint(len(f.AuthorizedKeys))})
	for _, l := range f.Links {
		rows = append(rows, []string{"link", link(l)})
	}
	return Columns(append(rows, []string{"default route", uplink(f.Uplink)})...)
}

func link(l platform.LinkFact) string {
	text := l.Name
	if l.Bridge {
		text += "  bridge of " + orNone(strings.Join(l.Ports, ", "))
	}
	for _, a := range l.Addresses {
		text += "  " + a.String()
	}
	return text
}

func uplink(u *platform.UplinkFact) string {
	if u == nil {
		return "none"
	}
	text := "by " + u.Link
	if u.Gateway4.IsValid() {
		text += " to " + u.Gateway4.String()
	}
	if u.Gateway6.IsValid() {
		text += " and " + u.Gateway6.String()
	}
	return text
}

func orNone(t string) string {
	if t == "" {
		return "none"
	}
	return t
}

// size is a number of bytes in GiB.
func size(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
