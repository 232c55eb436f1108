package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const hostName = "pve"

// hostTree is what a fresh Proxmox host on Scaleway has in /etc, as far as the plan
// touches it.
//
//go:embed host
var hostTree embed.FS

// machineOnly are files of the machine that say something about the machine and would
// make the host another one on every machine.
var machineOnly = []string{
	"/etc/waddle", "/etc/iptables", "/etc/network", "/etc/sysctl.d", "/etc/sysctl.conf",
	"/etc/pve", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname",
	"/root/.ssh", "/root/.config/waddle",
}

// varDirs are the directories of Debian's /var, empty.
var varDirs = []string{"backups", "cache", "lib", "log", "spool", "tmp", "lib/vz"}

func writeHostFiles() error {
	for _, path := range machineOnly {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := copyTree(); err != nil {
		return err
	}
	if err := os.Symlink("../sysctl.conf", "/etc/sysctl.d/99-sysctl.conf"); err != nil {
		return err
	}
	for _, dir := range []string{"/etc/network/interfaces.d", "/run/lock", "/run/network", "/etc/pve/priv"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod("/etc/pve/priv", 0o700); err != nil {
		return err
	}
	for _, dir := range varDirs {
		if err := os.MkdirAll(filepath.Join("/var", dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", "/var/run"); err != nil {
		return err
	}
	return addGroup()
}

func copyTree() error {
	return fs.WalkDir(hostTree, "host", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := strings.TrimPrefix(path, "host")
		if d.IsDir() {
			return os.MkdirAll(filepath.Join("/", to), 0o755)
		}
		content, err := hostTree.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o644)
	})
}

// addGroup makes the group whose members may use waddled's socket, which the Debian
// package makes on a real host.
func addGroup() error {
	raw, err := os.ReadFile("/etc/group")
	if err != nil {
		return err
	}
	if strings.Contains("\n"+string(raw), "\nwaddle:") {
		return nil
	}
	f, err := os.OpenFile("/etc/group", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "waddle:x:%d:\n", freeGID(string(raw))); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// freeGID returns the highest system group id that nobody has.
func freeGID(group string) int {
	for gid := 999; ; gid-- {
		if !strings.Contains(group, fmt.Sprintf(":%d:", gid)) {
			return gid
		}
	}
}
