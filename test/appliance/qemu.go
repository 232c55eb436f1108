package appliance

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

const qemuBinary = "qemu-system-x86_64"

// kernelArguments: an oops counts as a panic, and a panicked guest stands still
// until the harness, which reads the console, ends it.
const kernelArguments = "console=ttyS0 root=/dev/vda rw net.ifnames=0 oops=panic mitigations=off loglevel=5"

// machine is one emulated computer: its files and what it is made of. The
// template and its copies must have the same devices in the same order.
type machine struct {
	image  image
	dir    string // scratch: disks, sockets, console log
	memory int    // MiB
	ram    string // file behind the guest's memory; empty: anonymous
	shared bool   // ram keeps what the guest writes (the template), or is copied on write
}

func (m machine) file(name string) string { return filepath.Join(m.dir, name) }

// arguments returns QEMU's command line. The guest has one CPU: with two, the
// kernel patching its own code (static keys: a rule loaded, an initiator logged
// in) now and then made the other one die of a breakpoint that was gone already
// (Oops: int3), a race in QEMU's emulation.
func (m machine) arguments() []string {
	share := "off"
	if m.shared {
		share = "on"
	}
	backend := fmt.Sprintf("memory-backend-ram,id=ram,size=%dM", m.memory)
	if m.ram != "" {
		backend = fmt.Sprintf("memory-backend-file,id=ram,size=%dM,mem-path=%s,share=%s", m.memory, m.ram, share)
	}
	return []string{
		"-name", "waddle-appliance",
		"-nodefaults", "-no-user-config", "-display", "none",
		"-machine", "q35,memory-backend=ram", "-object", backend,
		"-m", strconv.Itoa(m.memory) + "M",
		"-accel", "tcg", "-cpu", "max", "-smp", "1",
		"-kernel", m.image.file("vmlinuz"), "-initrd", m.image.file("initrd.img"), "-append", kernelArguments,
		"-drive", "if=none,id=root,format=qcow2,file=" + m.file("root.qcow2"), "-device", "virtio-blk-pci,drive=root",
		"-drive", "if=none,id=pool,format=qcow2,discard=unmap,file=" + m.file("pool.qcow2"), "-device", "virtio-blk-pci,drive=pool,serial=rpool",
		// restrict: nothing leaves the guest for the machine or beyond.
		"-netdev", "user,id=public,restrict=on", "-device", "virtio-net-pci,netdev=public",
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci",
		"-chardev", "socket,id=channel,server=on,wait=off,path=" + m.file("channel.sock"),
		// Only a port with an id reports that the guest opens it.
		"-device", "virtserialport,id=channel,chardev=channel,name=appliance",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-qmp", "unix:" + m.file("qmp.sock") + ",server=on,wait=off",
	}
}

// overlay makes a disk that starts as backing and keeps what is written. With
// an empty backing it is an empty disk of gib GiB.
func overlay(path, backing, format string, gib int) error {
	args := []string{"create", "-q", "-f", "qcow2", path, strconv.Itoa(gib) + "G"}
	if backing != "" {
		args = []string{"create", "-q", "-f", "qcow2", "-b", backing, "-F", format, path}
	}
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the disk %s: %w: %s", path, err, out)
	}
	return nil
}
