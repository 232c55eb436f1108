// Package confirm keeps the one truth about the host's firewall and has every
// way to change it: a change that is not confirmed in time rolls itself back,
// whatever dies in between.
//
// It owns on the host
//
//   - /etc/waddle/firewall/state.json: what is confirmed, and what is pending
//     and until when,
//   - /etc/waddle/firewall/rules-ID.v4 and .v6: the rules of one change, never
//     rewritten,
//   - /etc/waddle/firewall/rules.v4 and .v6, together with the driver: always
//     the last confirmed rules, which the boot loads,
//   - /run/waddle-firewall: the lock, and the emergency that is in force, which
//     so ends with a reboot at the latest and needs no disk,
//   - while a change is pending, a transient systemd timer
//     waddle-firewall-ID.timer and, in the last seconds, its service, or a detached process `waddled firewall guard`.
//
// It changes the rules in the kernel through a Loader only. Everything is on
// disk, synced, before it is loaded. A deadline is a boot id and a time of
// CLOCK_BOOTTIME, so that no jump of the wall clock moves it, and a pending
// change whose deadline has passed, or which comes from another boot, or whose
// rule files are missing or damaged, can never be confirmed: rolling back
// therefore needs no write.
//
// The lock is a flock on a directory, which a dead holder releases. A holder
// that is frozen (SIGSTOP) does not: the guard then rolls back without the lock,
// and again once it has it.
package confirm

//go:generate go run ./recovery ../../../docs/recovery.md
