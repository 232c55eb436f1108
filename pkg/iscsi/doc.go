// Package iscsi exports block devices as iSCSI targets through the kernel's own
// target (LIO), by its configfs tree and nothing else: no targetcli, no Python,
// no saved configuration. What it makes, `targetcli ls` shows.
//
// On the host it touches configfs below target/iscsi/<its base name>:… and the
// iblock backstores of those targets. Targets of another base name, and
// backstores of devices outside its device folder, are neither changed nor
// taken into account. Prepare also loads kernel modules, mounts configfs and
// makes /etc/target.
//
// A Target is the whole desired state of one target. Ensure makes it so and may
// be called with the same one again: what is so already is success, what
// differs is repaired, and a run that was killed anywhere is finished by the
// next. The portal group is enabled last, so that no initiator sees half a
// target, and disabled first when something has to go.
//
// Changes happen one after the other (Restore makes many at once under the one
// lock); readers take no lock. Each change passes Options.Seam and runs under a
// watchdog: a call that the kernel does not return from is reported with the
// object's name and its thread is left behind, because a task in
// uninterruptible sleep cannot be stopped by anybody (targetcli-fb#178). Until
// it returns, that target answers ErrStuck.
//
// The cost of making one target does not depend on how many there are: nothing
// is listed. A backstore's place is computed from its name (see hba).
//
// CHAP secrets are of type Secret, which prints as a placeholder.
package iscsi
