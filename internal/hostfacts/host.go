package hostfacts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

// Roots says where the host's trees are. A test hands in a captured host.
type Roots struct {
	Proc, Sys, Etc string
	Root           string // root's home
}

// Machine is the host that the program runs on.
func Machine() Roots {
	return Roots{Proc: "/proc", Sys: "/sys", Etc: "/etc", Root: "/root"}
}

// Host looks at one host. It keeps nothing between two looks.
type Host struct {
	roots Roots
	nl    Netlink
}

// New returns a Host that reads below roots and asks nl for the network.
func New(roots Roots, nl Netlink) *Host { return &Host{roots: roots, nl: nl} }

// Look returns what is there now. It needs root to see the SSH daemon's sockets
// and root's keys; the error says what could not be understood.
func (h *Host) Look() (platform.Facts, error) {
	f := platform.Facts{IPv6: h.ipv6()}
	for _, look := range []func(*platform.Facts) error{h.lookMachine, h.lookNetwork, h.lookStorage, h.lookSSH} {
		if err := look(&f); err != nil {
			return platform.Facts{}, err
		}
	}
	return f, nil
}

func (h *Host) lookMachine(f *platform.Facts) (err error) {
	if f.Node, err = h.name(); err != nil {
		return err
	}
	if f.Threads, err = h.threads(); err != nil {
		return err
	}
	if f.MemoryBytes, err = h.memory(); err != nil {
		return err
	}
	f.Disks, err = h.disks()
	return err
}

func (h *Host) lookSSH(f *platform.Facts) (err error) {
	if f.SSHPorts, err = h.sshPorts(); err != nil {
		return err
	}
	f.AuthorizedKeys, err = h.authorizedKeys()
	return err
}

func (h *Host) lookStorage(f *platform.Facts) (err error) {
	if f.Pools, err = h.pools(); err != nil {
		return err
	}
	all, err := h.storages()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.usable(f.Node) {
			f.Storages = append(f.Storages, s.fact())
		}
	}
	return nil
}

// name returns the host's name without its domain, which is the Proxmox node's.
func (h *Host) name() (string, error) {
	raw, err := os.ReadFile(filepath.Join(h.roots.Proc, "sys/kernel/hostname"))
	if err != nil {
		return "", fmt.Errorf("cannot read the host's name: %w", err)
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(raw)), ".")
	return name, nil
}

// ipv6 reports whether the kernel speaks IPv6. A host booted with
// ipv6.disable=1 has no such directory; disable_ipv6=1 takes it from every link.
func (h *Host) ipv6() bool {
	raw, err := os.ReadFile(filepath.Join(h.roots.Proc, "sys/net/ipv6/conf/all/disable_ipv6"))
	return err == nil && strings.TrimSpace(string(raw)) == "0"
}
