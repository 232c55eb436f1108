package csigatetest

import (
	"fmt"
	"strings"
)

// Result is what came back for one exec.
type Result struct {
	Stdout string
	Stderr string
	// Code is the exit status; -1 when none came, which the driver takes for
	// success of a zfs command.
	Code int
}

// Wire sends one exec string, with a pty when asked to. An error is a refused
// exec or a lost connection.
type Wire interface {
	Exec(command string, pty bool) (Result, error)
}

// Driver is a controller with its configuration.
type Driver struct {
	Wire     Wire
	V, S     string // datasetParentName, detachedSnapshotsDatasetParentName
	Base     string // basename
	Portal   string
	Instance string   // instance_id
	Group    []string // tpg.attributes as name=value, in the order of the YAML
	Auth     []string // tpg.auth
	Block    []string // block.attributes
}

const (
	zfs        = "/sbin/zfs "
	zfsGet     = zfs + "get -Hp -o name,property,value,received,source "
	properties = "democratic-csi:"
)

// volumeColumns and snapshotColumns are the driver's lists.
const (
	volumeColumns = "name,mountpoint,refquota,avail,used,democratic-csi:csi_volume_name,democratic-csi:csi_volume_content_source_type,democratic-csi:csi_volume_content_source_id,volsize,democratic-csi:managed_resource,democratic-csi:csi_share_volume_context,democratic-csi:provision_success,democratic-csi:volume_context_provisioner_instance_id,democratic-csi:volume_context_provisioner_driver"
	listSnapshots = "name,creation,mountpoint,refquota,avail,used,volsize,referenced,logicalreferenced,democratic-csi:csi_volume_name,democratic-csi:csi_snapshot_name,democratic-csi:managed_resource"
	oneSnapshot   = "name,creation,mountpoint,refquota,avail,used,volsize,referenced,refreservation,logicalused,logicalreferenced,democratic-csi:csi_volume_name,democratic-csi:csi_snapshot_name,democratic-csi:csi_snapshot_source_volume_id,democratic-csi:managed_resource"
	scanSnapshots = "name,used,avail,refer,type,mountpoint"
)

// Pair writes name="value" as the driver does.
func Pair(name, value string) string {
	return name + `="` + strings.NewReplacer(`"`, `\"`, `$`, `\$`, "`", "\\`", `\`, `\\`).Replace(value) + `"`
}

func (d Driver) volumeProperties(name string) []string {
	all := []string{
		Pair(properties+"csi_volume_name", name), Pair(properties+"managed_resource", "true"),
		Pair(properties+"volume_context_provisioner_driver", "zfs-generic-iscsi"),
	}
	if d.Instance != "" {
		all = append(all, Pair(properties+"volume_context_provisioner_instance_id", d.Instance))
	}
	return all
}

func flags(flag string, all []string) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString(" " + flag + p)
	}
	return b.String()
}

// Create is step 3 of CreateVolume. extra are datasetProperties, written before
// the driver's own.
func (d Driver) Create(id string, bytes uint64, extra ...string) string {
	return fmt.Sprintf("%screate -p%s%s -o %s -o %s -V %d %s/%s", zfs, flags("-o ", extra), flags("-o ", d.volumeProperties(id)),
		Pair("refreservation", "0"), Pair("volblocksize", "16K"), bytes, d.V, id)
}

// Clone is the same for a volume from a snapshot of a volume.
func (d Driver) Clone(kind, source, snapshot, id string) string {
	return zfs + "clone" + flags("-o ", append(d.volumeProperties(id), Pair("refreservation", "0"),
		Pair(properties+"csi_volume_content_source_type", kind), Pair(properties+"csi_volume_content_source_id", source))) +
		" " + snapshot + " " + d.V + "/" + id
}

// Copy is a send into a receive.
func Copy(from, to string) string {
	return "/bin/sh -c 'zfs send " + from + " | zfs receive " + to + "'"
}

// Set writes properties.
func Set(on string, pairs ...string) string { return zfs + "set" + flags("", pairs) + " " + on }

// Asset is the driver's name of a volume's backstore.
func Asset(id string) string { return strings.ToLower(id) }

// IQN is the driver's name of a volume's target.
func (d Driver) IQN(id string) string { return d.Base + ":" + Asset(id) }

// Context is the JSON that the driver keeps on a volume.
func (d Driver) Context(id string) string {
	return fmt.Sprintf(`{"node_attach_driver":"iscsi","portal":%q,"portals":"","interface":"","iqn":%q,"lun":0}`, d.Portal, d.IQN(id))
}

// CreateTarget is the targetcli script that exports a volume, from the driver's
// template.
func (d Driver) CreateTarget(id string) string {
	return d.createTarget(d.IQN(id), Asset(id), d.V+"/"+id)
}

func (d Driver) createTarget(iqn, asset, dataset string) string {
	group, block := "", ""
	for _, a := range d.Group {
		group += "\nset attribute " + a
	}
	for _, a := range d.Auth {
		group += "\nset auth " + a
	}
	for _, a := range d.Block {
		block += "\nset attribute " + a
	}
	script := fmt.Sprintf(`
# create target
cd /iscsi
create %[1]s

# setup tpg
cd /iscsi/%[1]s/tpg1
%[2]s


# create extent
cd /backstores/block
create %[3]s /dev/zvol/%[4]s
cd /backstores/block/%[3]s
%[5]s

# add extent to target/tpg
cd /iscsi/%[1]s/tpg1/luns
create /backstores/block/%[3]s
`, iqn, group, asset, dataset, block)
	return "sh -c 'echo \"" + strings.TrimSpace(script) + "\" | targetcli'"
}

// DeleteTarget is the script that takes the export away.
func (d Driver) DeleteTarget(id string) string {
	script := fmt.Sprintf("\n# delete target\ncd /iscsi\ndelete %s\n\n# delete extent\ncd /backstores/block\ndelete %s\n", d.IQN(id), Asset(id))
	return "sh -c 'echo \"" + strings.TrimSpace(script) + "\" | targetcli'"
}
