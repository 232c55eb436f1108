package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Preflight says everything that keeps this machine from running such a lab, one line
// each. It changes nothing that outlives it.
func Preflight(o Options) error {
	if err := checkRoot(); err != nil {
		return err
	}
	faults := []error{checkKernel(), checkOverlay()}
	programs := []string{"nsenter", "iptables", "iptables-save", "iptables-restore", "ip6tables-save", "ip6tables-restore"}
	if o.HandTyped {
		programs = append(programs, "sh", "sysctl", "ip")
	}
	for _, p := range programs {
		faults = append(faults, checkProgram(p))
	}
	return errors.Join(faults...)
}

func checkRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab needs root (network and mount namespaces): run it with sudo")
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return fmt.Errorf("cannot read this process's capabilities: %w", err)
	}
	for name, bit := range map[string]uint{"CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_NET_ADMIN": unix.CAP_NET_ADMIN} {
		if data[0].Effective&(1<<bit) == 0 {
			return fmt.Errorf("a lab needs %s, which this root does not have: start the container with --privileged, or use a virtual machine", name)
		}
	}
	return nil
}

// checkKernel makes a bridge and a pair of veth in a namespace that ends with the check.
func checkKernel() error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("this kernel makes no network namespace (CONFIG_NET_NS): %w", err)
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("this kernel makes no bridge (CONFIG_BRIDGE, or modprobe bridge): %w", err)
		}
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "v0"}, PeerName: "v1"}
		if err := netlink.LinkAdd(veth); err != nil {
			return fmt.Errorf("this kernel makes no veth (CONFIG_VETH, or modprobe veth): %w", err)
		}
		return nil
	})
}

func checkOverlay() error {
	raw, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if bytes.Contains(raw, []byte("\toverlay\n")) || exec.Command("modprobe", "overlay").Run() == nil {
		return nil
	}
	return errors.New("this kernel has no overlayfs (CONFIG_OVERLAY_FS, or modprobe overlay)")
}

// packages says which of Debian's packages has a program.
var packages = map[string]string{
	"nsenter": "util-linux", "iptables": "iptables", "iptables-save": "iptables", "iptables-restore": "iptables",
	"ip6tables-save": "iptables", "ip6tables-restore": "iptables", "sysctl": "procps", "ip": "iproute2", "sh": "dash",
}

func checkProgram(name string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("the program %s is missing: apt-get install %s", name, packages[name])
	}
	return nil
}
