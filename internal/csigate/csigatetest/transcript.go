package csigatetest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Row is one exec of the transcript and what has to come back. In Stdout and
// Stderr {n} stands for a number, {*} for any text on one line and {**} for any
// text.
type Row struct {
	Name    string // a sentence
	Command string
	PTY     bool
	Stdout  string
	Stderr  string
	Code    int
}

// MiB is what sizes of the transcript are multiples of.
const MiB = 1 << 20

// Replay sends the rows in their order and compares.
func Replay(t *testing.T, w Wire, rows []Row) {
	t.Helper()
	for _, row := range rows {
		got, err := w.Exec(row.Command, row.PTY)
		if err != nil {
			t.Fatalf("%s: %v\n$ %s", row.Name, err, row.Command)
		}
		if got.Code != row.Code || !matches(row.Stdout, got.Stdout) || !matches(row.Stderr, got.Stderr) {
			t.Errorf("%s\n$ %s\ngot  code %d, stdout %q, stderr %q\nwant code %d, stdout %q, stderr %q",
				row.Name, row.Command, got.Code, got.Stdout, got.Stderr, row.Code, row.Stdout, row.Stderr)
		}
	}
}

func matches(want, got string) bool {
	pattern := regexp.QuoteMeta(want)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("{n}"), `[0-9]+`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("{*}"), `[^\n]*`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("{**}"), `(?s:.*)`)
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got)
}

// got is one line of zfs get with the driver's five columns.
func got(name, property, value, source string) string {
	return strings.Join([]string{name, property, value, "-", source}, "\t") + "\n"
}

// line is one line of zfs list.
func line(columns ...string) string { return strings.Join(columns, "\t") + "\n" }

// Transcript is every command shape of the driver, in an order in which each has
// something to work on. It begins and ends with the two empty parents.
func (d Driver) Transcript() []Row {
	var rows []Row
	for _, part := range [][]Row{d.volumes(), d.expansion(), d.snapshots(), d.clones(), d.copies(), d.detached(), d.deletion(), d.malformed(), d.older()} {
		rows = append(rows, part...)
	}
	return rows
}

func (d Driver) volumes() []Row {
	v := d.V + "/pvc-1"
	absent := "cannot open '" + v + "': dataset does not exist\n"
	return []Row{
		{Name: "Probe asks for the shell", Command: "echo $0", Stdout: "bash\n"},
		{Name: "CreateVolume asks for the system", Command: "uname -s", Stdout: "Linux\n"},
		{Name: "and for its release on FreeBSD", Command: "uname -r", Stdout: "{*}\n"},
		{Name: "GetCapacity makes the parent, which is there", Command: zfs + "create -p " + d.V},
		{Name: "and reads what is available", Command: zfsGet + "avail " + d.V, Stdout: got(d.V, "available", "{n}", "-")},
		{Name: "CreateVolume looks for a volume that is not there", Command: zfsGet + "volsize,refquota " + v, Stderr: absent, Code: 1},
		{Name: "makes it", Command: d.Create("pvc-1", 64*MiB)},
		{Name: "makes it again, which -p allows", Command: d.Create("pvc-1", 64*MiB)},
		{Name: "looks for it when it is there", Command: zfsGet + "volsize,refquota " + v, Stdout: got(v, "volsize", "67108864", "local") + got(v, "refquota", "-", "-")},
		{Name: "sets its size", Command: Set(v, Pair("volsize", "67108864"))},
		{Name: "exports it", Command: d.CreateTarget("pvc-1"), PTY: true},
		{Name: "exports it once more after a retry", Command: d.CreateTarget("pvc-1"), PTY: true},
		{Name: "keeps the backstore's name", Command: Set(v, Pair(properties+"iscsi_assets_name", "pvc-1"))},
		{Name: "keeps the volume's context", Command: Set(v, Pair(properties+"csi_share_volume_context", d.Context("pvc-1")))},
		{Name: "says that it is done", Command: Set(v, Pair(properties+"provision_success", "true"))},
		{Name: "ControllerGetVolume reads one", Command: zfs + "list -Hp -t volume -o " + volumeColumns + " " + v,
			Stdout: line(v, "-", "-", "{n}", "{n}", "pvc-1", "-", "-", "67108864", "true", d.Context("pvc-1"), "true", d.Instance, "zfs-generic-iscsi")},
		{Name: "ListVolumes reads all", Command: zfs + "list -r -Hp -t volume -o " + volumeColumns + " " + d.V,
			Stdout: line(v, "-", "-", "{n}", "{n}", "pvc-1", "-", "-", "67108864", "true", d.Context("pvc-1"), "true", d.Instance, "zfs-generic-iscsi")},
		{Name: "ValidateVolumeCapabilities reads everything", Command: zfsGet + "all " + v, Stdout: "{**}" + got(v, properties+"csi_volume_name", "pvc-1", "local") + "{**}"},
		{Name: "ControllerGetVolume of one that is not there", Command: zfs + "list -Hp -t volume -o " + volumeColumns + " " + d.V + "/none",
			Stderr: "cannot open '" + d.V + "/none': dataset does not exist\n", Code: 1},
		{Name: "ValidateVolumeCapabilities of one that is not there", Command: zfsGet + "all " + d.V + "/none",
			Stderr: "cannot open '" + d.V + "/none': dataset does not exist\n", Code: 1},
	}
}

func (d Driver) expansion() []Row {
	v := d.V + "/pvc-1"
	return []Row{
		{Name: "ControllerExpandVolume reads the block size", Command: zfsGet + "volblocksize " + v, Stdout: got(v, "volblocksize", "16384", "default")},
		{Name: "and grows the volume", Command: Set(v, Pair("volsize", fmt.Sprint(96*MiB)))},
		{Name: "a smaller size is refused", Command: Set(v, Pair("volsize", fmt.Sprint(64*MiB))),
			Stderr: "waddled: cannot resize " + v + ": it has 100663296 bytes and would be cut to 67108864; volumes only grow\n", Code: 1},
		{Name: "a size that is no multiple of the block is zfs's to refuse", Command: Set(v, Pair("volsize", fmt.Sprint(96*MiB+1))),
			Stderr: "cannot set property for '" + v + "': 'volsize' must be a multiple of volume block size (16K)\n", Code: 255},
		{Name: "a volume that is not there has no size", Command: Set(d.V+"/none", Pair("volsize", fmt.Sprint(64*MiB))),
			Stderr: "cannot open '" + d.V + "/none': dataset does not exist\n", Code: 1},
	}
}

func (d Driver) snapshots() []Row {
	s := d.V + "/pvc-1@snap-1"
	own := []string{Pair(properties+"csi_snapshot_name", "snap-1"), Pair(properties+"csi_snapshot_source_volume_id", "pvc-1"), Pair(properties+"managed_resource", "true")}
	take := zfs + "snapshot" + flags("-o ", own) + " " + s
	return []Row{
		{Name: "CreateSnapshot lists the detached snapshots", Command: zfs + "list -r -Hp -t snapshot -o " + scanSnapshots + " " + d.S},
		{Name: "and the others", Command: zfs + "list -r -Hp -t snapshot -o " + scanSnapshots + " " + d.V},
		{Name: "takes one", Command: take},
		{Name: "takes it again", Command: take, Stderr: "cannot create snapshot '" + s + "': dataset already exists\n", Code: 1},
		{Name: "reads it", Command: zfsGet + "-t snapshot " + oneSnapshot + " " + s, Stdout: snapshotRead(s, "snap-1", "-", "100663296")},
		{Name: "says that it is done", Command: Set(s, Pair(properties+"provision_success", "true"))},
		{Name: "ListSnapshots reads all", Command: zfs + "list -r -Hp -t snapshot -o " + listSnapshots + " " + d.V,
			Stdout: line(s, "{n}", "-", "-", "-", "{n}", "100663296", "{n}", "{n}", "pvc-1", "snap-1", "true")},
		{Name: "those of one volume", Command: zfs + "list -r -Hp -t snapshot -o " + listSnapshots + " " + d.V + "/pvc-1",
			Stdout: line(s, "{n}", "-", "-", "-", "{n}", "100663296", "{n}", "{n}", "pvc-1", "snap-1", "true")},
		{Name: "one by its id", Command: zfs + "list -r -Hp -t snapshot -o " + listSnapshots + " " + s,
			Stdout: line(s, "{n}", "-", "-", "-", "{n}", "100663296", "{n}", "{n}", "pvc-1", "snap-1", "true")},
		{Name: "and looks for detached ones, of which there are none", Command: zfs + "list -r -Hp -t volume -o " + listSnapshots + " " + d.S},
		{Name: "also by an id that is not a detached one's", Command: zfs + "list -r -Hp -t volume -o " + listSnapshots + " " + d.S + "/pvc-1",
			Stderr: "cannot open '" + d.S + "/pvc-1': dataset does not exist\n", Code: 1},
	}
}

// snapshotRead is what oneSnapshot prints of a snapshot, or with mountpoint's
// place taken by a volume's values of a detached one.
func snapshotRead(name, snapshot, avail, size string) string {
	var b strings.Builder
	for _, p := range [][3]string{
		{"name", name, "-"}, {"creation", "{n}", "-"}, {"mountpoint", "-", "-"}, {"refquota", "-", "-"}, {"available", avail, "-"}, {"used", "{n}", "-"},
		{"volsize", size, "{*}"}, {"referenced", "{n}", "-"}, {"refreservation", "{*}", "{*}"}, {"logicalused", "{*}", "-"}, {"logicalreferenced", "{n}", "-"},
		{properties + "csi_volume_name", "{*}", "{*}"}, {properties + "csi_snapshot_name", snapshot, "local"},
		{properties + "csi_snapshot_source_volume_id", "pvc-1", "local"}, {properties + "managed_resource", "true", "local"},
	} {
		b.WriteString(got(name, p[0], p[1], p[2]))
	}
	return b.String()
}

func (d Driver) clones() []Row {
	source := d.V + "/pvc-1@volume-source-for-volume-pvc-3"
	return []Row{
		{Name: "CreateVolume clones a snapshot", Command: d.Clone("snapshot", "pvc-1@snap-1", d.V+"/pvc-1@snap-1", "pvc-2")},
		{Name: "again", Command: d.Clone("snapshot", "pvc-1@snap-1", d.V+"/pvc-1@snap-1", "pvc-2"),
			Stderr: "cannot create '" + d.V + "/pvc-2': dataset already exists\n", Code: 1},
		{Name: "of a snapshot that is not there", Command: d.Clone("snapshot", "pvc-1@none", d.V+"/pvc-1@none", "pvc-x"),
			Stderr: "cannot open '" + d.V + "/pvc-1@none': dataset does not exist\n", Code: 1},
		{Name: "a volume is a source by a snapshot of it", Command: zfs + "snapshot " + source},
		{Name: "which is cloned", Command: d.Clone("volume", "pvc-1", source, "pvc-3")},
		{Name: "and exported", Command: d.CreateTarget("pvc-3"), PTY: true},
		{Name: "a snapshot with a clone goes when the clone has gone", Command: zfs + "destroy -r -f -p -d " + source},
		{Name: "a volume with clones stays", Command: zfs + "destroy -r -f -p " + d.V + "/pvc-1",
			Stderr: "cannot destroy '" + d.V + "/pvc-1': volume has dependent clones\nuse '-R' to destroy the following datasets:\n" + d.V + "/pvc-2\n" + d.V + "/pvc-3\n", Code: 1},
	}
}

func (d Driver) copies() []Row {
	v := d.V + "/pvc-4"
	return []Row{
		{Name: "CreateVolume copies a snapshot", Command: Copy(d.V+"/pvc-1@snap-1", v)},
		{Name: "again", Command: Copy(d.V+"/pvc-1@snap-1", v),
			Stderr: "{**}cannot receive new filesystem stream: destination '" + v + "' exists\nmust specify -F to overwrite it\n", Code: 1},
		{Name: "gives it its properties", Command: Set(v, append(d.volumeProperties("pvc-4"), Pair(properties+"csi_volume_content_source_type", "snapshot"), Pair(properties+"csi_volume_content_source_id", "pvc-1@snap-1"))...)},
		{Name: "and removes the snapshot that came along", Command: zfs + "destroy -f -p " + v + "@%"},
		{Name: "of which there is no other", Command: zfs + "destroy -f -p " + v + "@%",
			Stderr: "could not find any snapshots to destroy; check snapshot names.\n", Code: 1},
		{Name: "grows the copy", Command: Set(v, Pair("volsize", fmt.Sprint(128*MiB)))},
	}
}

func (d Driver) detached() []Row {
	temporary := d.V + "/pvc-1@volume-source-for-snapshot-snap-2"
	to := d.S + "/pvc-1/snap-2"
	own := []string{Pair(properties+"csi_snapshot_name", "snap-2"), Pair(properties+"csi_snapshot_source_volume_id", "pvc-1"), Pair(properties+"managed_resource", "true")}
	source := to + "@volume-source-for-volume-pvc-5"
	return []Row{
		{Name: "a detached snapshot's container is made", Command: zfs + "create -p " + d.S + "/pvc-1"},
		{Name: "CreateSnapshot lists the detached ones", Command: zfs + "list -r -Hp -t volume -o " + scanSnapshots + " " + d.S},
		{Name: "and the volumes", Command: zfs + "list -r -Hp -t volume -o " + scanSnapshots + " " + d.V + "/pvc-4",
			Stdout: line(d.V+"/pvc-4", "{n}", "{n}", "{n}", "volume", "-")},
		{Name: "takes a snapshot for it", Command: zfs + "snapshot " + temporary},
		{Name: "copies it", Command: Copy(temporary, to)},
		{Name: "gives the copy its properties", Command: Set(to, own...)},
		{Name: "removes the snapshot on the copy", Command: zfs + "destroy -r -f -p -d " + to + "@volume-source-for-snapshot-snap-2"},
		{Name: "and the other one", Command: zfs + "destroy -r -f -p -d " + temporary},
		{Name: "reads it", Command: zfsGet + "-t volume " + oneSnapshot + " " + to, Stdout: snapshotRead(to, "snap-2", "{n}", "100663296")},
		{Name: "says that it is done", Command: Set(to, Pair(properties+"provision_success", "true"))},
		{Name: "ListSnapshots finds it by its id", Command: zfs + "list -r -Hp -t volume -o " + listSnapshots + " " + to,
			Stdout: line(to, "{n}", "-", "-", "{n}", "{n}", "100663296", "{n}", "{n}", "-", "snap-2", "true")},
		{Name: "and looks for it among the volumes", Command: zfs + "list -r -Hp -t snapshot -o " + listSnapshots + " " + d.V + "/pvc-1/snap-2",
			Stderr: "cannot open '" + d.V + "/pvc-1/snap-2': dataset does not exist\n", Code: 1},
		{Name: "CreateVolume takes a snapshot of the detached one", Command: zfs + "snapshot " + source},
		{Name: "and copies it", Command: Copy(source, d.V+"/pvc-5")},
		{Name: "and removes it", Command: zfs + "destroy -r -f -p -d " + source},
		{Name: "once more finds nothing", Command: zfs + "destroy -r -f -p -d " + source,
			Stderr: "could not find any snapshots to destroy; check snapshot names.\n", Code: 1},
		{Name: "a container with something in it stays", Command: zfs + "destroy -p " + d.S + "/pvc-1",
			Stderr: "cannot destroy '" + d.S + "/pvc-1': filesystem has children\nuse '-r' to destroy the following datasets:\n" + to + "\n", Code: 1},
		{Name: "DeleteSnapshot removes the detached one", Command: zfs + "destroy -r -f -p " + to},
		{Name: "looks for snapshots of its container", Command: zfs + "destroy -p " + d.S + "/pvc-1@%",
			Stderr: "could not find any snapshots to destroy; check snapshot names.\n", Code: 1},
		{Name: "and removes that", Command: zfs + "destroy -p " + d.S + "/pvc-1"},
	}
}

func (d Driver) deletion() []Row {
	v := d.V + "/pvc-3"
	return []Row{
		{Name: "DeleteVolume looks at the volume", Command: zfsGet + "mountpoint,origin,refquota,compression,democratic-csi:csi_volume_name " + v,
			Stdout: got(v, "mountpoint", "-", "-") + got(v, "origin", d.V+"/pvc-1@volume-source-for-volume-pvc-3", "-") + got(v, "refquota", "-", "-") +
				got(v, "compression", "{*}", "{*}") + got(v, properties+"csi_volume_name", "pvc-3", "local")},
		{Name: "and for its backstore's name, which was never set", Command: zfsGet + "democratic-csi:iscsi_assets_name " + v, Stdout: got(v, properties+"iscsi_assets_name", "-", "-")},
		{Name: "an exported volume is busy", Command: zfs + "destroy -r -f -p " + v, Stderr: "cannot destroy '" + v + "': dataset is busy\n", Code: 1},
		{Name: "its export is taken away", Command: d.DeleteTarget("pvc-3"), PTY: true},
		{Name: "again", Command: d.DeleteTarget("pvc-3"), PTY: true},
		{Name: "and it goes, with the snapshot that waited for it", Command: zfs + "destroy -r -f -p " + v},
		{Name: "again", Command: zfs + "destroy -r -f -p " + v, Stderr: "cannot open '" + v + "': dataset does not exist\n", Code: 1},
		{Name: "the snapshot is gone too", Command: zfsGet + "origin " + d.V + "/pvc-1@volume-source-for-volume-pvc-3",
			Stderr: "cannot open '" + d.V + "/pvc-1@volume-source-for-volume-pvc-3': dataset does not exist\n", Code: 1},
		{Name: "the clone of a snapshot goes", Command: zfs + "destroy -r -f -p " + d.V + "/pvc-2"},
		{Name: "the copies too", Command: zfs + "destroy -r -f -p " + d.V + "/pvc-4"},
		{Name: "both", Command: zfs + "destroy -r -f -p " + d.V + "/pvc-5"},
		{Name: "DeleteSnapshot removes one", Command: zfs + "destroy -r -f -p -d " + d.V + "/pvc-1@snap-1"},
		{Name: "again", Command: zfs + "destroy -r -f -p -d " + d.V + "/pvc-1@snap-1",
			Stderr: "could not find any snapshots to destroy; check snapshot names.\n", Code: 1},
		{Name: "the first export is taken away", Command: d.DeleteTarget("pvc-1"), PTY: true},
		{Name: "and its volume", Command: zfs + "destroy -r -f -p " + d.V + "/pvc-1"},
	}
}

// malformed are what the driver sends for a snapshot id without a slash. Root's
// shell would remove the whole container.
func (d Driver) malformed() []Row {
	return []Row{
		{Name: "a snapshot id without a slash is the source of no volume", Command: zfs + "snapshot " + d.S + "/x@volume-source-for-volume-pvc-9",
			Stderr: "cannot open '" + d.S + "/x': dataset does not exist\n", Code: 1},
		{Name: "a container is not removed with what is in it", Command: zfs + "destroy -r -f -p " + d.S + "/x",
			Stderr: "cannot open '" + d.S + "/x': dataset does not exist\n", Code: 1},
		{Name: "nor the parent's snapshots", Command: zfs + "destroy -p " + d.S + "@%",
			Stderr: "could not find any snapshots to destroy; check snapshot names.\n", Code: 1},
		{Name: "nor the parent", Command: zfs + "destroy -p " + d.S, Stderr: "cannot destroy '" + d.S + "': filesystem has children\n", Code: 1},
	}
}

// older are the shapes of configurations with other switches.
func (d Driver) older() []Row {
	plain := d
	plain.Group, plain.Auth, plain.Block = nil, nil, nil
	v := d.V + "/PVC-9"
	return []Row{
		{Name: "a volume with properties of its own", Command: d.Create("PVC-9", 16*MiB, Pair("compression", "lz4"))},
		{Name: "deduplicated", Command: Set(v, Pair("volsize", fmt.Sprint(16*MiB)), Pair("dedup", "off"))},
		{Name: "exported by a script without attributes", Command: plain.CreateTarget("PVC-9"), PTY: true},
		{Name: "taken away without a terminal", Command: d.DeleteTarget("PVC-9")},
		{Name: "and gone", Command: zfs + "destroy -r -f -p " + v},
	}
}
