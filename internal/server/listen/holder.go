package listen

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const stateListen = "0A" // TCP_LISTEN in /proc/net/tcp (proc_net_tcp.rst)

// Holder names the process that listens where at wants to, as far as /proc
// (below root) shows it; "" when it does not.
func Holder(root string, at netip.AddrPort) string {
	for _, file := range []string{"tcp", "tcp6"} {
		if inode := listener(filepath.Join(root, "thread-self/net", file), at); inode != "" {
			return processOf(root, inode)
		}
	}
	return ""
}

// listener returns the inode of the socket that stands in at's way.
func listener(file string, at netip.AddrPort) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		col := strings.Fields(lines.Text())
		if len(col) < 10 || col[3] != stateListen {
			continue
		}
		local, err := parseAddrPort(col[1])
		if err != nil || local.Port() != at.Port() {
			continue
		}
		if a := local.Addr().Unmap(); a.IsUnspecified() || a == at.Addr().Unmap() {
			return col[9]
		}
	}
	return ""
}

// parseAddrPort reads the kernel's form: 32-bit words in host order, in hex.
func parseAddrPort(s string) (netip.AddrPort, error) {
	host, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot read the address %q", s)
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("cannot read the address %q", s)
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

func processOf(root, inode string) string {
	want := "socket:[" + inode + "]"
	fds, err := filepath.Glob(filepath.Join(root, "[0-9]*/fd/*"))
	if err != nil {
		return ""
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err != nil || to != want {
			continue
		}
		dir := filepath.Dir(filepath.Dir(fd))
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			return "process " + filepath.Base(dir)
		}
		return fmt.Sprintf("process %s (%s)", filepath.Base(dir), strings.TrimSpace(string(name)))
	}
	return ""
}
