// Package access is the driver of the ways into a host as root: the authorized
// SSH keys, how sshd takes logins, and root's password (plan: Phase 0, steps 3
// to 5).
//
// It owns on the host
//
//   - one marked block in /root/.ssh/authorized_keys, written through the link
//     that Proxmox VE has there into /etc/pve/priv/authorized_keys,
//   - /etc/ssh/sshd_config.d/00-waddle.conf, and when sshd reads it again,
//   - the hash and the day of change in root's line of /etc/shadow, once it was
//     told to set the password,
//   - /var/lib/waddle/access: what an undo needs and which password is ours, and
//     /run/waddle/sshd-check: the copy of sshd's configuration that is tried
//     before the real one is touched.
//
// Keys, lines and files of somebody else are named, never changed. Passwords are
// switched off only when that locks nobody out: see ApplySSH.
//
// Keys and SSH have the five functions of every driver: Look says what differs,
// Apply removes the differences, Capture records what was there, ShowUndo says
// what putting it back would change, and Undo puts it back. All can be called
// again after having been killed anywhere.
package access
