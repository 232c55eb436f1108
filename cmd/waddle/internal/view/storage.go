package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Storage is how the storage backend is, what is wrong with it last.
func Storage(s client.StorageStatus, c Clock, st Look) string {
	state := st.Good("ready")
	if !s.Ready {
		state = st.Bad("not ready")
	}
	rows := [][]string{
		{"pool", pool(s.Pool)},
		{"dataset", dataset(s.Dataset)},
	}
	if s.Dataset.Present {
		rows = append(rows, []string{"", fmt.Sprintf("%s promised to volumes, %s in use, compressed %.2f to 1",
			amount(s.Dataset.PromisedBytes), amount(s.Dataset.ReferencedBytes), s.Dataset.CompressionRatio)})
	}
	n := s.Counts
	rows = append(rows,
		[]string{"targets", targets(s.Targets)},
		[]string{"endpoint", endpoint(s.Endpoint, c)},
		[]string{"there are", fmt.Sprintf("%s, %s, %s, %s", count(n.Volumes, "volume", "volumes"), count(n.Snapshots, "snapshot", "snapshots"),
			count(n.Targets, "target", "targets"), count(n.Sessions, "session", "sessions"))},
	)
	if n.ForeignTargets+n.ForeignBackstores > 0 {
		rows = append(rows, []string{"of others", fmt.Sprintf("%s, %s, left alone", count(n.ForeignTargets, "target", "targets"), count(n.ForeignBackstores, "backstore", "backstores"))})
	}
	text := "storage is " + state + "\n\n" + Columns(rows...)
	if n.Orphans > 0 {
		text += "\n" + st.Warn(count(n.Orphans, "thing does", "things do")+" not belong together: waddle storage orphans") + "\n"
	}
	if len(s.Faults) > 0 {
		text += "\n" + st.Bad("wrong:") + "\n" + indented("  ", strings.Join(s.Faults, "\n"))
	}
	return text
}

func pool(p client.StoragePool) string {
	if p.Health == "" {
		return p.Name
	}
	text := fmt.Sprintf("%s  %s  %s of %s free", p.Name, p.Health, amount(p.FreeBytes), amount(p.SizeBytes))
	if p.ReadOnly {
		text += ", read-only"
	}
	return text
}

func dataset(d client.StorageDataset) string {
	if !d.Present {
		return d.Name + "  not there yet"
	}
	text := fmt.Sprintf("%s  %s used, %s available", d.Name, amount(d.UsedBytes), amount(d.AvailableBytes))
	if d.QuotaBytes > 0 {
		text += ", quota " + amount(d.QuotaBytes)
	}
	return text
}

func targets(t client.StorageTargets) string {
	text := fmt.Sprintf("%s  on %s  CHAP %s", t.IqnBase, t.Portal, t.Chap)
	if t.Fault != "" {
		text += "  NOT READY: " + t.Fault
	}
	return text
}

func endpoint(e client.StorageEndpoint, c Clock) string {
	if !e.Serving {
		return fmt.Sprintf("%s@%s  NOT SERVING: %s", e.User, e.Address, e.Reason)
	}
	text := fmt.Sprintf("%s@%s", e.User, e.Address)
	if !e.Since.IsZero() {
		text += "  since " + c.ago(e.Since)
	}
	return text
}

// StorageSessions is who is logged in.
func StorageSessions(all []client.StorageSession) string {
	if len(all) == 0 {
		return "nobody is logged in\n"
	}
	rows := [][]string{{"VOLUME", "INITIATOR", "STATE", "FROM"}}
	for _, s := range all {
		volume := s.Volume
		if volume == "" {
			volume = "(" + s.Target + ")"
		}
		rows = append(rows, []string{volume, s.Initiator, s.State, orDash(strings.Join(s.Addresses, " "))})
	}
	return Columns(rows...)
}

func orDash(t string) string {
	if t == "" {
		return "-"
	}
	return t
}

// Orphans is what does not belong together; ~ is what a repair sees to.
func Orphans(all []client.Orphan, st Look) string {
	if len(all) == 0 {
		return "everything belongs together\n"
	}
	var b strings.Builder
	for _, o := range all {
		mark, paint := "!", st.Warn
		if o.Repairable {
			mark, paint = "~", st.Good
		}
		b.WriteString(paint(mark+" "+Printable(o.Object)) + st.Dim("  "+Printable(o.Kind)) + "\n")
		b.WriteString(indented("    ", o.Detail))
		if o.Hint != "" {
			b.WriteString(indented("    ", "to do: "+o.Hint))
		}
	}
	return b.String()
}

// Repairable reports whether a repair would see to anything.
func Repairable(all []client.Orphan) bool {
	for _, o := range all {
		if o.Repairable {
			return true
		}
	}
	return false
}

// Adoption is what an older host has.
func Adoption(a client.StorageAdoption, st Look) string {
	var b strings.Builder
	if len(a.Volumes) == 0 {
		b.WriteString("there is no volume of an older host\n")
	}
	for _, v := range a.Volumes {
		b.WriteString(st.Warn("> "+Printable(v.Dataset)) + "  " + Printable(v.Target) + "  " + count(v.Sessions, "session stays", "sessions stay") + "\n")
		if len(v.Changes) > 0 {
			b.WriteString(indented("    ", strings.Join(v.Changes, "\n")))
		}
		if v.Problem != "" {
			b.WriteString(indented("    ", "cannot be taken over: "+v.Problem))
		}
	}
	return b.String() + restore(a.Restore)
}

func restore(r client.TargetcliRestore) string {
	switch {
	case !r.Enabled:
		return ""
	case len(r.Foreign) == 0:
		return "targetcli's restore at boot is on, and is switched off: " + orNone(r.Saved) + " has nothing of others\n"
	}
	return "targetcli's restore at boot stays on: " + r.Saved + " also has\n" + indented("    ", strings.Join(r.Foreign, "\n"))
}
