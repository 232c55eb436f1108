// Package vms is the driver of Proxmox VE's virtual machines, through its HTTP
// API: it makes them from images, keeps them as a Spec says, runs them and takes
// them away.
//
// # What it touches
//
// Virtual machines of one node, and the volumes that go with them. Nothing else:
// no storage, bridge, user or role. Everything is done with an API token over
// verified TLS, but for one thing that Proxmox lets no token do: the lock that a
// create leaves in a configuration when the node lost power is removed by
// "qm unlock" on the host (Options.Unlock).
//
// # What is ours
//
// A VM is ours when four things agree: its number, the UUID in its SMBIOS, our
// tag, and the record that was written before it was made (Records). Each change
// looks at all four in the same step, so a number that somebody else uses by now
// is refused and named. A VM that is gone already counts as deleted. What was
// made by others comes under the driver with Adopt alone.
//
// # Looking and changing
//
// Look says what differs between a Spec and the real VM, and how each difference
// goes away: at once, at the next boot of the VM, or by making it anew. Apply
// removes those of the first kind, leaves those of the second to the next boot,
// and touches none of the third. Ensure also makes a VM that is not there, and
// makes one anew when it was told that it may. All can be killed anywhere and
// called again.
//
// # Writes
//
// Each change passes Options.Seam with an operation name. A write is never
// repeated because no answer came: the driver looks in the list of tasks and at
// the VM whether it took place. Reads are repeated a few times. A task that ended
// is not a task that succeeded: the exit status and the last lines of the log are
// in the error.
//
// The node is asked through the subpackage rest, which stands on go-proxmox.
package vms
