// Package csigate is the confined SSH endpoint that democratic-csi talks to
// instead of a root shell.
//
// It listens on the host's internal address, knows one user and one public key,
// and takes exec requests only: each is parsed into a typed command (package
// grammar), which package execute runs. There is no shell, no subsystem, no
// sftp, no forwarding and no agent, so the key opens nothing else.
//
// What the driver's behaviour demands of the server: an exit status goes out for
// every command, also when it was refused and while shutting down, because the
// driver takes its absence for success; the texts of a command that asked for a
// terminal arrive as a terminal would show them; at least 40 sessions run on one
// connection at once.
//
// It keeps no state and touches nothing on the host but the listener that it is
// given. docs/storage-security.md is the security model.
package csigate
