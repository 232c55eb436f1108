package zfs

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe" // for an ioctl that x/sys has no function for

	"golang.org/x/sys/unix"
)

// firstAgain is when udev is asked for the first time again; each next time is
// twice as far away. Opening a zvol gives up after a second by itself
// (zvol_open_timeout_ms).
const firstAgain = time.Second

// askAgain has udev look at v's device again, until ctx ends.
//
// udev's rule opens the device to learn the volume's name (zvol_id). While ZFS
// is busy, opening it fails after a second, udev gives up, and the link would
// never be made: seen with twenty volumes made at once on a slow disk. Writing
// "change" to the device's uevent is what udevadm trigger does (kernel document
// ABI/stable/sysfs-uevent). Only a device that says that it is v is asked for.
func (c *Client) askAgain(ctx context.Context, v Volume, first time.Duration) {
	for pause := first; ; pause *= 2 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		// What goes wrong is tried again; when the time is up WaitDevice's error says which link is missing.
		if name := c.unlinked(v); name != "" && c.o.Seam("udev change") == nil {
			_ = os.WriteFile(filepath.Join(c.o.Sys, "block", name, "uevent"), []byte("change"), 0)
		}
	}
}

// unlinked returns the block device of v, e.g. zd16, if the kernel has one. It
// opens only devices that no link beside v's leads to.
func (c *Client) unlinked(v Volume) string {
	linked := map[string]bool{}
	siblings := filepath.Dir(c.Device(v))
	_ = fs.WalkDir(os.DirFS(siblings), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() == fs.ModeSymlink {
			if to, err := os.Readlink(filepath.Join(siblings, path)); err == nil {
				linked[filepath.Base(to)] = true
			}
		}
		return nil
	})
	devices, err := os.ReadDir(filepath.Join(c.o.Sys, "block"))
	if err != nil {
		return ""
	}
	for _, d := range devices {
		if !strings.HasPrefix(d.Name(), "zd") || linked[d.Name()] {
			continue
		}
		if name, err := c.zvolName(filepath.Join(c.o.Dev, d.Name())); err == nil && name == v.full {
			return d.Name()
		}
	}
	return ""
}

// blkzname is ZFS's ioctl that tells a device's dataset: _IOR(0x12, 125, char[256])
// (openzfs, include/sys/fs/zfs.h).
const (
	blkzname    = 0x8100127d
	blkznameLen = 256
)

// zvolName returns the dataset of a zvol's device.
func zvolName(device string) (string, error) {
	f, err := os.OpenFile(device, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("cannot open %s: %w", device, err)
	}
	defer f.Close()
	var buf [blkznameLen]byte
	if _, _, no := unix.Syscall(unix.SYS_IOCTL, f.Fd(), blkzname, uintptr(unsafe.Pointer(&buf))); no != 0 {
		return "", fmt.Errorf("cannot ask %s for its dataset: %w", device, no)
	}
	name, _, _ := bytes.Cut(buf[:], []byte{0})
	return string(name), nil
}
