package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process names a process for good: a number alone is given to another one later.
type process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot, /proc/PID/stat field 22
}

func processOf(pid int) (process, error) {
	_, start, err := procStat(pid)
	return process{PID: pid, Start: start}, err
}

// alive reports whether p runs; a zombie does not, unless some of its threads are
// still on their way out and with them its sockets.
func (p process) alive() bool {
	if p.PID == 0 {
		return false
	}
	st, start, err := procStat(p.PID)
	return err == nil && start == p.Start && (st.state != 'Z' && st.state != 'X' || st.threads > 1)
}

// stat is what of /proc/PID/stat says whether a process lives.
type stat struct {
	state   byte // field 3
	threads int  // field 20
}

func procStat(pid int) (st stat, start uint64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return st, 0, err
	}
	// The command's name, in brackets, may hold blanks and brackets itself.
	rest := string(raw[strings.LastIndexByte(string(raw), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return st, 0, fmt.Errorf("cannot read /proc/%d/stat: %d fields", pid, len(fields))
	}
	st.state = fields[0][0]
	if st.threads, err = strconv.Atoi(fields[17]); err != nil {
		return st, 0, fmt.Errorf("cannot read /proc/%d/stat: %w", pid, err)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return st, start, err
}

// signal sends sig to p, and to nobody else when p has ended.
func (p process) signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return ignoreGone(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if !p.alive() {
		return nil
	}
	return ignoreGone(unix.PidfdSendSignal(fd, sig, nil, 0))
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// waitGone waits until p has ended and reports whether it did within d.
func (p process) waitGone(ctx context.Context, d time.Duration) bool {
	for end := time.Now().Add(d); p.alive(); time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
	}
	return true
}

// residents lists the processes whose network namespace is one of those at paths.
func residents(paths []string) ([]process, error) {
	inodes := map[string]bool{}
	for _, path := range paths {
		if link, ok := nsLink(path); ok {
			inodes[link] = true
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil || !inodes[link] {
			continue
		}
		if p, err := processOf(pid); err == nil && p.alive() {
			found = append(found, p)
		}
	}
	return found, nil
}

// nsLink returns what /proc/PID/ns/net reads for a process in the namespace at path.
func nsLink(path string) (string, bool) {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Statfs(path, &fs) != nil || fs.Type != unix.NSFS_MAGIC || unix.Stat(path, &st) != nil {
		return "", false
	}
	return fmt.Sprintf("net:[%d]", st.Ino), true
}
