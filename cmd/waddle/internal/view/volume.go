package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Volumes is the list of volumes.
func Volumes(all []client.VolumeSummary, st Look) string {
	if len(all) == 0 {
		return "no volumes\n"
	}
	rows := [][]string{{"VOLUME", "STATE", "SIZE", "USED", "SESSIONS", "SNAPSHOTS", "PERSISTENT VOLUME"}}
	var size, used int64
	for _, v := range all {
		size, used = size+v.SizeBytes, used+v.UsedBytes
		rows = append(rows, []string{v.Name, string(v.State), amount(v.SizeBytes), amount(v.UsedBytes),
			fmt.Sprint(v.Sessions), fmt.Sprint(v.Snapshots), orDash(v.PersistentVolume)})
	}
	return Columns(rows...) + st.Dim(fmt.Sprintf("%s, %s, %s used", count(len(all), "volume", "volumes"), amount(size), amount(used))) + "\n"
}

// Volume is one volume with all that belongs to it, what is wrong last.
func Volume(v client.Volume, c Clock, st Look) string {
	rows := [][]string{
		{"volume", v.Name},
		{"state", string(v.State)},
		{"dataset", v.Dataset},
		{"device", orDash(v.Device)},
		{"size", fmt.Sprintf("%s in blocks of %s, %s", amount(v.SizeBytes), amount(v.BlockBytes), reserved(v))},
		{"used", fmt.Sprintf("%s, of that %s by snapshots only; %s before compression (%.2f to 1)", amount(v.UsedBytes), amount(v.SnapshotBytes), amount(v.LogicalBytes), v.CompressionRatio)},
		{"made", stamp(v.Created) + ", " + c.ago(v.Created)},
		{"claim", claim(v)},
	}
	if v.Origin != "" {
		rows = append(rows, []string{"clone of", v.Origin})
	}
	rows = append(rows, []string{"target", volumeTarget(v.Target)})
	if v.Target != nil && v.Target.Counters != nil {
		n := v.Target.Counters
		rows = append(rows, []string{"counted", fmt.Sprintf("%d logins, %d refused; %d MiB read and %d MiB written by %d commands", n.Logins, n.RefusedLogins, n.ReadMiB, n.WrittenMiB, n.Commands)})
	}
	var b strings.Builder
	b.WriteString(Columns(rows...))
	if len(v.Sessions) > 0 {
		b.WriteString("\n" + StorageSessions(v.Sessions))
	}
	if len(v.Snapshots) > 0 {
		b.WriteString("\n" + snapshots(v.Snapshots, c))
	}
	if len(v.Faults) > 0 {
		b.WriteString("\n" + st.Bad("wrong:") + "\n" + indented("  ", strings.Join(v.Faults, "\n")))
	}
	return b.String()
}

func reserved(v client.Volume) string {
	if v.ReservedBytes == 0 {
		return "thin"
	}
	return amount(v.ReservedBytes) + " reserved"
}

func claim(v client.Volume) string {
	if v.PersistentVolume == "" {
		return "none"
	}
	return "PersistentVolume " + v.PersistentVolume
}

func volumeTarget(t *client.VolumeTarget) string {
	if t == nil {
		return "none"
	}
	text := fmt.Sprintf("%s  LUN %d on %s", t.Iqn, t.Lun, orNone(strings.Join(t.Portals, " ")))
	if !t.Enabled {
		text += "  DISABLED"
	}
	return text
}

func snapshots(all []client.VolumeSnapshot, c Clock) string {
	rows := [][]string{{"SNAPSHOT", "TAKEN", "USED", "CLAIM", "CLONES"}}
	for _, s := range all {
		rows = append(rows, []string{s.Name, stamp(s.Created) + ", " + c.ago(s.Created), amount(s.UsedBytes), orDash(s.Claim), orDash(strings.Join(s.Clones, " "))})
	}
	return Columns(rows...)
}
