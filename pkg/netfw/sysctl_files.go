package netfw

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	ownSysctl  = "/etc/sysctl.d/60-waddle.conf"
	sysctlConf = "/etc/sysctl.conf"
	ipForward  = "sys/net/ipv4/ip_forward" // under /proc
)

// ownSysctlText is our file.
const ownSysctlText = "# Written by waddled; changes made here are put back.\nnet.ipv4.ip_forward = 1\n"

// sysctlDirs in the order of precedence: a file hides one of the same name in a
// later directory (sysctl.d(5)).
var sysctlDirs = []string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}

// sysctlFile is a file that sets IPv4 forwarding.
type sysctlFile struct {
	path    string // on the host
	content []byte
	lines   []sysctlLine
	after   bool // it is read after our file
}

// sysctlFiles returns the files of others that set IPv4 forwarding, in the order
// they are read. /etc/sysctl.conf comes last, as `sysctl --system` has it;
// Debian also links to it as 99-sysctl.conf, which is the same place.
func (d *Driver) sysctlFiles() ([]sysctlFile, error) {
	names, err := d.sysctlNames()
	if err != nil {
		return nil, err
	}
	var out []sysctlFile
	for _, name := range append(names, sysctlConf) {
		if name == ownSysctl || name != sysctlConf && d.sameFile(name, sysctlConf) {
			continue
		}
		b, ok, err := d.read(name)
		if err != nil {
			return nil, err
		}
		if lines := parseSysctl(b); ok && len(lines) > 0 {
			after := name == sysctlConf || path.Base(name) > path.Base(ownSysctl)
			out = append(out, sysctlFile{name, b, lines, after})
		}
	}
	return out, nil
}

// sysctlNames lists the files of sysctl.d that are in force, by name.
func (d *Driver) sysctlNames() ([]string, error) {
	byBase := map[string]string{}
	for _, dir := range sysctlDirs {
		found, err := filepath.Glob(d.at(dir) + "/*.conf")
		if err != nil {
			return nil, fmt.Errorf("cannot list %s: %w", dir, err)
		}
		for _, f := range found {
			base := path.Base(f)
			if _, hidden := byBase[base]; !hidden && !strings.HasPrefix(base, ".") && !d.isDir(d.hostPath(f)) {
				byBase[base] = d.hostPath(f)
			}
		}
	}
	var out []string
	for _, f := range byBase {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(path.Base(a), path.Base(b)) })
	return out, nil
}

func (d *Driver) sameFile(a, b string) bool {
	x, errX := os.Stat(d.at(a))
	y, errY := os.Stat(d.at(b))
	return errX == nil && errY == nil && os.SameFile(x, y)
}
