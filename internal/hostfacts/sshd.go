package hostfacts

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// sshPorts returns the ports on which the SSH daemon can be reached, sorted:
// those that a process called sshd listens on, or, where none runs or the
// sockets belong to systemd (ssh.socket), those that sshd_config names.
func (h *Host) sshPorts() ([]int, error) {
	listening, err := h.listeningSSH()
	if err != nil {
		return nil, err
	}
	if len(listening) > 0 {
		return listening, nil
	}
	return h.configuredSSH()
}

// configuredSSH reads Port and ListenAddress of sshd_config and the files that
// it includes. Without sshd_config there is no SSH daemon and no port.
func (h *Host) configuredSSH() ([]int, error) {
	ports := map[int]bool{}
	found, err := h.readSSHConfig(filepath.Join(h.roots.Etc, "ssh/sshd_config"), ports, 0)
	if err != nil || !found {
		return nil, err
	}
	if len(ports) == 0 {
		ports[22] = true // sshd_config(5): the default
	}
	return sorted(ports), nil
}

func (h *Host) readSSHConfig(path string, ports map[int]bool, depth int) (bool, error) {
	if depth > 16 { // what sshd itself allows
		return false, fmt.Errorf("cannot read the SSH ports: %s: more than 16 nested Include lines", path)
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read the SSH ports: %w", err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		f := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' || r == '"' || r == '\r' })
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		switch strings.ToLower(f[0]) {
		case "match": // Port and ListenAddress are not allowed in a Match block
			return true, nil
		case "port":
			if p, err := strconv.Atoi(f[1]); err == nil {
				ports[p] = true
			}
		case "listenaddress":
			if p, ok := portOf(f[1]); ok {
				ports[p] = true
			}
		case "include":
			if err := h.includeSSHConfig(f[1:], ports, depth); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

func (h *Host) includeSSHConfig(patterns []string, ports map[int]bool, depth int) error {
	for _, p := range patterns {
		p = strings.TrimPrefix(p, "/etc/")
		if !strings.HasPrefix(p, "ssh/") {
			p = filepath.Join("ssh", p) // sshd_config(5): relative to /etc/ssh
		}
		files, err := filepath.Glob(filepath.Join(h.roots.Etc, p))
		if err != nil {
			return fmt.Errorf("cannot read the SSH ports: Include %s: %w", p, err)
		}
		for _, f := range files {
			if _, err := h.readSSHConfig(f, ports, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// portOf returns the port of a ListenAddress: "host:port" or "[v6]:port".
func portOf(address string) (int, bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 || (strings.Count(address, ":") > 1 && !strings.HasPrefix(address, "[")) || strings.HasSuffix(address, "]") {
		return 0, false
	}
	p, err := strconv.Atoi(address[i+1:])
	return p, err == nil
}

// listeningSSH finds the listening sockets of processes called sshd: the inodes
// in /proc/PID/fd, looked up in /proc/net/tcp and tcp6 (proc_net(5)).
func (h *Host) listeningSSH() ([]int, error) {
	inodes := map[string]bool{}
	entries, err := os.ReadDir(h.roots.Proc)
	if err != nil {
		return nil, fmt.Errorf("cannot look for the SSH daemon: %w", err)
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(h.roots.Proc, e.Name())
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != "sshd" { // gone meanwhile, or somebody else
			continue
		}
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue // without root another one's descriptors stay hidden: the configuration decides
		}
		for _, fd := range fds {
			target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
			if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	ports := map[int]bool{}
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		if err := h.listeners(name, inodes, ports); err != nil {
			return nil, err
		}
	}
	return sorted(ports), nil
}

// listeners adds the ports of the listening sockets in a /proc/net/tcp table
// whose inode is among those given and that are not bound to loopback alone:
// an sshd serving forwarded ports (ssh -R) listens there too.
func (h *Host) listeners(table string, inodes map[string]bool, ports map[int]bool) error {
	f, err := os.Open(filepath.Join(h.roots.Proc, table))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no IPv6
	}
	if err != nil {
		return fmt.Errorf("cannot read the listening sockets: %w", err)
	}
	defer f.Close()
	const listen = "0A"
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		col := strings.Fields(scan.Text())
		if len(col) < 10 || col[3] != listen || !inodes[col[9]] || loopback(col[1]) {
			continue
		}
		_, hex, _ := strings.Cut(col[1], ":")
		p, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return fmt.Errorf("cannot read the listening sockets: %s: %q: %w", table, col[1], err)
		}
		ports[int(p)] = true
	}
	return scan.Err()
}

// loopback knows 127.0.0.0/8 and ::1 in the little-endian words of /proc/net/tcp.
func loopback(local string) bool {
	addr, _, _ := strings.Cut(local, ":")
	return len(addr) == 8 && strings.HasSuffix(addr, "7F") || addr == "00000000000000000000000001000000"
}

func sorted(set map[int]bool) []int {
	var out []int
	for p := range set {
		out = append(out, p)
	}
	sort.Ints(out)
	return out
}
