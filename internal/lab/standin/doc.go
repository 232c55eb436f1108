// Package standin gives a daemon in the lab its ZFS and its iSCSI target: the
// stand-ins of internal/lab/zfs and internal/lab/lio, kept below one folder so
// that they outlive the daemon, as a kernel does.
//
// A lab never touches its machine's own pool or target: there is one of each in
// a kernel, whatever namespaces a lab is made of, and on a developer's Proxmox
// host they hold that host's data. The real ones are tested in the appliance VM.
package standin
