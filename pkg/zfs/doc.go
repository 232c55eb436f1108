// Package zfs makes, changes and removes datasets, volumes and snapshots below
// one root dataset, and can name nothing outside it.
//
// Containment is in the types: a Root is parsed once, and Name, Volume and
// Snapshot come only from a Root's parse functions. Their zero values are
// refused. There is no function that takes a dataset as a string, so no caller
// can reach what is beside the root, whatever text a network peer sent.
//
// What it touches on the host: it runs zfs (and zpool, to read the pool's
// health) by argv, never through a shell, and it waits for links below
// /dev/zvol, for which it has udev look again (/sys/block/zdN/uevent) when a
// link does not come. It keeps no state of its own.
//
// Each process passes Options.Seam with the operation's name before it is
// started. Changes to one dataset run one after the other, changes to different
// ones at the same time; readers never wait.
//
// mistifyio/go-zfs reads the pool (see Client.Pool). The rest does not go
// through it, because its commands cannot be cancelled, take the program from
// PATH, print a second process after each change, put the properties in map
// order, and know neither sparse volumes, user properties, clones of a given
// argv nor a place where a test could stand in for the process. Here each of
// these is one Command that passes one Runner.
package zfs
