package lab

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// snapSysctls lists the values of the network namespace that an operator sets. Those of
// a single link are left out but for three.
func (l *Lab) snapSysctls(context.Context) ([]string, error) {
	var lines []string
	err := l.Host.Do(func() error {
		return filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() || !wantedSysctl(path) {
				return nil
			}
			value, err := os.ReadFile(path)
			if err != nil { // write-only, or of a protocol that is not there
				return nil
			}
			key := strings.TrimPrefix(path, "/proc/sys/")
			lines = append(lines, fmt.Sprintf("%s = %s", key, strings.TrimSpace(string(value))))
			return nil
		})
	})
	return sorted(lines), err
}

var linkSysctls = map[string]bool{"forwarding": true, "rp_filter": true, "disable_ipv6": true}

func wantedSysctl(path string) bool {
	parts := strings.Split(strings.TrimPrefix(path, "/proc/sys/net/"), "/")
	switch {
	case parts[0] == "ipv4" || parts[0] == "ipv6":
		if len(parts) == 2 {
			return true
		}
		if parts[1] != "conf" || len(parts) != 4 {
			return false
		}
		return parts[2] == "all" || parts[2] == "default" || linkSysctls[parts[3]]
	case parts[0] == "bridge":
		return true
	}
	return len(parts) == 2 && parts[0] == "netfilter" && !movingSysctl[parts[1]]
}

// movingSysctl change by themselves.
var movingSysctl = map[string]bool{"nf_conntrack_count": true}

// snapFiles lists where the host's /etc differs from the machine's: kind, mode, owner,
// and what is in it. That is what the overlay holds, but for what it copied up and what
// has become again what it was.
func (l *Lab) snapFiles(context.Context) ([]string, error) {
	held := map[string]string{}
	err := l.Host.Do(func() error {
		upper := upperDir("/etc")
		return filepath.WalkDir(upper, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || path == upper {
				return err
			}
			name := filepath.Join("/etc", strings.TrimPrefix(path, upper))
			if drawnAnew[name] {
				return nil
			}
			held[name], err = describeFile(path)
			return err
		})
	})
	var lines []string
	for name, what := range held {
		if machines, err := describeFile(name); err != nil || machines != what {
			lines = append(lines, name+" "+what)
		}
	}
	return sorted(lines), err
}

// drawnAnew are files with certificates that every lab makes for itself.
var drawnAnew = map[string]bool{rootsFile: true, proxmoxCAPath: true}

// describeFile says what is at path. In the upper directory of an overlay a character
// device 0/0 stands for a removed file, and an opaque directory for one that hides the
// machine's.
func describeFile(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	head := fmt.Sprintf("%s %d:%d", info.Mode(), st.Uid, st.Gid)
	switch {
	case info.Mode()&os.ModeCharDevice != 0 && st.Rdev == 0:
		return "removed", nil
	case info.Mode()&os.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return head + " -> " + to, err
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		return fmt.Sprintf("%s %d bytes sha256 %x", head, len(content), sha256.Sum256(content)), err
	case info.IsDir():
		mark := make([]byte, 1)
		if n, err := unix.Getxattr(path, "trusted.overlay.opaque", mark); err == nil && n == 1 && mark[0] == 'y' {
			head += " in place of the machine's"
		}
	}
	return head, nil
}
