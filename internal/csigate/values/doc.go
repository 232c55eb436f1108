// Package values renders what democratic-csi needs from a platform: its
// configuration, the values of its two Helm releases, the StorageClass and the
// VolumeSnapshotClass. All of it is a pure function of the platform and the
// secrets; without secrets placeholders stand in their places.
//
// There are two releases of the one chart, because the chart mounts the driver's
// configuration into the privileged pods of every node too, which never use SSH:
// the controller's has the SSH key, the nodes' has not.
//
// The rules are those of democratic-csi 1.9 and its chart 0.15, for Talos with
// the extension siderolabs/iscsi-tools.
package values
