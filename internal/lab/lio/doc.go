// Package lio is the lab's stand-in for the kernel's iSCSI target: a tree in
// memory that behaves as /sys/kernel/config/target does. Attributes appear with
// their folder, values read back as the kernel normalises them, and what the
// kernel refuses is refused with the same errno.
//
// The rules come from fs/configfs/dir.c (mkdir, rmdir, symlink),
// drivers/target/target_core_configfs.c and target_core_iblock.c (backstores),
// target_core_fabric_configfs.c and iscsi/iscsi_target_configfs.c (targets) of
// Linux 6.12. The suite in pkg/iscsi/iscsitest runs against it here and against
// the real tree in the appliance VM.
//
// It implements the FS and the Host of pkg/iscsi. Initiators are played by Login
// and Logout. On the host it touches nothing but the journal that it is given:
// with one, the tree is still there after the daemon that holds it was killed,
// as the kernel's would be.
package lio
