// Package zfs is the lab's stand-in for the zfs program: it takes zfs's argv,
// answers with zfs's own texts and exit codes, and keeps its pool in a folder,
// so that the state is still there after the daemon was killed.
//
// It refuses what zfs refuses. The texts are those of OpenZFS 2.3 (zfs_main.c,
// libzfs_dataset.c, libzfs_util.c) under LC_ALL=C; the suite in
// pkg/zfs/zfstest runs against it here and against a real pool in the appliance
// VM, so that the two cannot drift apart.
//
// Device links appear some time after the command has ended, as udev makes
// them, and lead to the sparse file that holds the volume's data.
//
// What it touches: the folder that it is given, and links below the given dev
// folder. It starts no process.
package zfs
