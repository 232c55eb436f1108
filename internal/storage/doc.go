// Package storage is the cluster's volumes as an operator sees them: it joins a
// zvol, its target, who is logged in and what democratic-csi wrote on it, and
// keeps targets as the volumes say.
//
// There is one truth, the volumes themselves: a volume that democratic-csi made
// (managed_resource), that an operator made here, or that was taken over from an
// older host carries that as a property, and its target follows from the volume
// and the platform. What makes targets after a boot, what repairs them and what
// says in a plan that they differ is one function, Backend.Repair and its dry
// run.
//
// On the host it touches what pkg/zfs and pkg/iscsi touch, the folder of the
// endpoint's keys, and, when an older host is taken over, the links by which
// systemd starts targetcli's restore at boot. Everything goes through a Machine,
// in whose place the lab puts stand-ins.
//
// A Service keeps one Backend for the platform as it is now, and serves the
// endpoint of internal/csigate with it. Beside the keys it records the platform
// that it serves with: what volumes are found by does not change under them, and
// a document that cannot be read takes none away.
package storage
