// Package appliance starts machines with what the development kernels lack:
// Debian 13 with real OpenZFS, LIO, targetcli and open-iscsi under QEMU, in
// software emulation. Proxmox VE 9 is based on the same system.
//
// build.sh builds the image once into the cache, keyed by a hash of its recipe.
// A machine is started from a template of the booted guest: memory and disks
// are copies on write, so a start takes a second and machines do not see each
// other. Inside are vmbr0 and vmbr1 (10.10.0.1/24) and the empty pool rpool.
//
// The harness talks to the guest over a virtio-serial port that it alone holds,
// so a test may do to network, firewall and sshd what it likes. The guest
// reaches nothing: its public side ends in QEMU.
//
// On the machine that runs it the package owns its folders below the cache and
// one scratch folder a machine, and opens no port.
package appliance
