// Package pve simulates the HTTP API of one Proxmox VE 9 node, for what a manager of
// VMs calls, and refuses what the real one refuses.
//
// # What is modelled
//
// TLS with a CA of the node's own; tickets with CSRF tokens; API tokens with
// privilege separation; users, roles, ACLs with propagation, NoAccess and pools, and
// the privileges of each call. Every parameter is checked as package schema says, all
// wrong ones at once, and errors are worded and numbered as Proxmox's, in the body and
// in the reason phrase. The order of the checks is pveproxy's: who, which call, may
// they, parameters, the call's own refusals, and what only the task finds.
//
// VMs: create (with import-from), change (live or pending), resize, move, unlink, clone
// (full and linked), template, snapshots, power, guest agent, cloud-init, delete. Storages
// of the types dir (real files: images, ISOs, snippets) and zfspool (thick, with a
// capacity). Tasks with UPIDs, logs, exit statuses, time that can be scaled, and stop.
// The lock files of VMs and storages with Proxmox's ten seconds: an allocation holds the
// storage's lock for a moment, a full clone until the copy is done. Digests, configuration
// locks, protection. A VM that is started is plugged into the bridges that its cards
// name, with the addresses of its cloud-init drive (see Plugger), and what runs inside
// is chosen by its image (see Guest). Faults are injected by Inject or Admin.
//
// # What a failure leaves
//
// As the real one: a create or a full clone that fails frees the volumes that it had made
// and removes the configuration. A delete that is interrupted has freed some disks and keeps
// the configuration; deleting again finishes it. A failed start leaves the VM off, with
// pending changes applied. A simulator that is closed or killed in the middle of a task is
// a node that lost power: the task ends as "unexpected status", the configuration keeps its
// lock (create, clone, snapshot) and volumes stay.
//
// # What is not modelled
//
// More than one node, migration (PutOther makes numbers that guests elsewhere have), HA beyond its being asked (SetHA), replication, backup and restore, containers, groups,
// realms beside pam and pve, two-factor authentication, the firewall, Ceph, LVM, NFS, changes
// of the node's network, suspend to disk, moving disks between VMs, the traffic of consoles
// (their calls hand out a ticket and nothing listens), the content of disks, PCI mappings,
// permission checks on cicustom volumes. A zfspool's volumes are thick and take exactly
// their size. The words of refusals were read in the sources of qemu-server 9.2.6, pve-storage
// 9.1.7, pve-common 9.2.1 and pve-access-control 9.1.1, or come from a run of the parameter
// validation of qemu-server; exit statuses that QEMU, ZFS or wget would word are approximations.
//
// On the machine the package writes below Options.Dir and the storages' directories, listens
// where it is told, and changes the network through the Plugger only.
package pve
