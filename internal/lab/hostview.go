package lab

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// overlayDir is on the host's own /run, so that all that the host writes is memory of
// its mount namespace and goes with it.
const overlayDir = "/run/.lab"

// upperDir is where the overlay over dir keeps what was changed.
func upperDir(dir string) string { return filepath.Join(overlayDir, dir, "upper") }

// makeHostView turns the calling process's mount namespace, which has to be its own,
// into the host's: overlays over the machine's /etc, /tmp and /root, and an empty /run and
// /var. /tmp and /root are no empty ones because a checkout may lie there, whose programs
// are to be run on the host.
func makeHostView(ca []byte) error {
	var view seam
	return view.all([]step{
		{"part from the machine's mounts", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"mount the host's /run", func() error { return tmpfs("/run", "mode=755") }},
		{"mount the host's /etc", func() error { return overlay("/etc") }},
		{"mount the host's /var", func() error { return tmpfs("/var", "mode=755") }},
		{"mount the host's /tmp", func() error { return overlay("/tmp") }},
		{"mount the host's /root", func() error { return overlay("/root") }},
		// A sysfs shows the links of the network namespace in which it was mounted.
		{"mount the host's /sys", func() error { return unix.Mount("sysfs", "/sys", "sysfs", 0, "") }},
		{"write the host's files", writeHostFiles},
		{"give the host the programs of Proxmox VE", writeTools},
		{"let the host trust the lab's internet", func() error { return trust("/etc", ca) }},
		{"set the host's name", func() error { return unix.Sethostname([]byte(hostName)) }},
		{"leave the machine's directory", func() error { return os.Chdir("/") }},
	})
}

func tmpfs(path, options string) error {
	return unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
}

// overlay lets the host see dir as it is on the machine, and keeps what it writes there.
func overlay(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	upper, work := upperDir(dir), filepath.Join(overlayDir, dir, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(upper, info.Mode()); err != nil { // it becomes dir's
		return err
	}
	return unix.Mount("overlay", dir, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work))
}
