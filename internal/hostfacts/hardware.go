package hostfacts

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

// threads returns the number of CPUs that the kernel schedules on, which is
// what Proxmox counts vCPUs against (proc_cpuinfo(5): one "processor" each).
func (h *Host) threads() (int, error) {
	path := filepath.Join(h.roots.Proc, "cpuinfo")
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("cannot count the CPUs: %w", err)
	}
	defer f.Close()
	n := 0
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20) // the flags line of a new CPU is long
	for scan.Scan() {
		key, _, _ := strings.Cut(scan.Text(), ":")
		if strings.TrimSpace(key) == "processor" {
			n++
		}
	}
	if err := scan.Err(); err != nil {
		return 0, fmt.Errorf("cannot count the CPUs: read %s: %w", path, err)
	}
	if n == 0 {
		return 0, fmt.Errorf("cannot count the CPUs: %s has no line \"processor\"", path)
	}
	return n, nil
}

// memory returns the RAM that the kernel manages, in bytes (proc_meminfo(5):
// MemTotal is in KiB and a little less than what is plugged in).
func (h *Host) memory() (int64, error) {
	path := filepath.Join(h.roots.Proc, "meminfo")
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("cannot read the size of the memory: %w", err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "MemTotal:" {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read the size of the memory: %s: %q: %w", path, line, err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("cannot read the size of the memory: %s has no line \"MemTotal\"", path)
}

// disks lists what is plugged in: entries of /sys/block that hang on a device.
// Loop, device mapper, md and zvol (zd) entries have no "device" link; CD drives
// (sr) and floppies (fd) do and are left out by name.
func (h *Host) disks() ([]platform.DiskFact, error) {
	dir := filepath.Join(h.roots.Sys, "block")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the disks: %w", err)
	}
	var all []platform.DiskFact
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "sr") || strings.HasPrefix(name, "fd") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, name, "device")); err != nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, name, "size"))
		if err != nil {
			return nil, fmt.Errorf("cannot read the size of disk %s: %w", name, err)
		}
		// Always 512-byte sectors, whatever the device's own block size is.
		sectors, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the size of disk %s: %w", name, err)
		}
		if sectors == 0 { // an empty card reader
			continue
		}
		model, _ := os.ReadFile(filepath.Join(dir, name, "device/model"))
		all = append(all, platform.DiskFact{Name: name, Model: strings.TrimSpace(string(model)), Bytes: sectors * 512})
	}
	return all, nil
}
