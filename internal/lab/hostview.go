package lab

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// overlayDir is on the host's own /run, so that all that the host writes is memory of
// its mount namespace and goes with it.
const overlayDir = "/run/.lab/etc"

// makeHostView turns the calling process's mount namespace, which has to be its own,
// into the host's: an overlay over the machine's /etc, and an empty /run, /var, /tmp
// and /root.
func makeHostView() error {
	var view seam
	return view.all([]step{
		{"part from the machine's mounts", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"mount the host's /run", func() error { return tmpfs("/run", "mode=755") }},
		{"mount the host's /etc", overlayEtc},
		{"mount the host's /var", func() error { return tmpfs("/var", "mode=755") }},
		{"mount the host's /tmp", func() error { return tmpfs("/tmp", "mode=1777") }},
		{"mount the host's /root", func() error { return tmpfs("/root", "mode=700") }},
		// A sysfs shows the links of the network namespace in which it was mounted.
		{"mount the host's /sys", func() error { return unix.Mount("sysfs", "/sys", "sysfs", 0, "") }},
		{"write the host's files", writeHostFiles},
		{"set the host's name", func() error { return unix.Sethostname([]byte(hostName)) }},
		{"leave the machine's directory", func() error { return os.Chdir("/") }},
	})
}

func tmpfs(path, options string) error {
	return unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
}

func overlayEtc() error {
	upper, work := filepath.Join(overlayDir, "upper"), filepath.Join(overlayDir, "work")
	for _, dir := range []string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return unix.Mount("overlay", "/etc", "overlay", 0, fmt.Sprintf("lowerdir=/etc,upperdir=%s,workdir=%s", upper, work))
}
