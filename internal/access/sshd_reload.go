package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stateDir      = "/var/lib/waddle/access"
	reloadPending = stateDir + "/sshd-reload-pending"
	systemdRuns   = "/run/systemd/system" // sd_booted(3)
)

// reload makes the running sshd read its configuration. sshd ends when it is
// sent a SIGHUP with a configuration that it cannot read, so the caller has asked
// sshd -t before.
func (d *Driver) reload(ctx context.Context) error {
	if d.exists(systemdRuns) {
		// Does nothing where the unit is not active: with ssh.socket each
		// connection starts a sshd that reads the configuration itself.
		_, err := d.run(ctx, "systemctl", "try-reload-or-restart", "ssh.service")
		return err
	}
	pid, err := d.listener()
	if err != nil || pid == 0 {
		return err // 0: nothing runs that would have read the former configuration
	}
	return d.hangUp(ctx, pid)
}

// hangUp sends sshd a SIGHUP and waits until it listens again.
func (d *Driver) hangUp(ctx context.Context, pid int) error {
	if err := d.op("signal:sshd HUP"); err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("cannot find sshd, process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	former := d.started(pid)
	if again, err := d.listener(); err != nil || again != pid { // the number was given to another process meanwhile
		return errors.Join(fmt.Errorf("sshd, process %d, went away", pid), err)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGHUP, nil, 0); err != nil {
		return fmt.Errorf("cannot signal sshd, process %d: %w", pid, err)
	}
	d.log.Info("sshd told to read its configuration", "pid", pid)
	return d.awaitListener(ctx, pid, former)
}

const listenWithin = 15 * time.Second

// awaitListener waits until sshd has executed itself anew and listens.
func (d *Driver) awaitListener(ctx context.Context, pid int, former string) error {
	for end := time.Now().Add(listenWithin); time.Now().Before(end); {
		if now, err := d.listener(); err == nil && now == pid && d.started(pid) != former {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("sshd, process %d, does not listen %s after SIGHUP: look at its log, and start it while you still have a session", pid, listenWithin)
}

// started tells one execution of a process from the next: the kernel lays the
// stack out anew each time (proc_pid_auxv(5), AT_RANDOM among it).
func (d *Driver) started(pid int) string {
	b, _ := os.ReadFile(filepath.Join(d.proc, strconv.Itoa(pid), "auxv"))
	return string(b)
}

// listener finds the sshd that accepts connections: it is called sshd, listens,
// is no child of another sshd (those serve a session, and listen for ssh -R), and
// is in our namespaces (a container's sshd is in /proc too). 0 means none.
func (d *Driver) listener() (int, error) {
	entries, err := os.ReadDir(d.proc)
	if err != nil {
		return 0, fmt.Errorf("cannot look for sshd: %w", err)
	}
	sshds := map[int]int{} // pid to parent
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if name, parent := d.process(pid); name == "sshd" && d.sameNamespaces(pid) {
			sshds[pid] = parent
		}
	}
	for pid, parent := range sshds {
		if _, session := sshds[parent]; !session && d.listens(pid) {
			return pid, nil
		}
	}
	return 0, nil
}

// process reads name and parent of a process from its stat (proc_pid_stat(5)).
func (d *Driver) process(pid int) (name string, parent int) {
	b, err := os.ReadFile(filepath.Join(d.proc, strconv.Itoa(pid), "stat"))
	open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if err != nil || open < 0 || end < open {
		return "", 0
	}
	if fields := strings.Fields(string(b[end+1:])); len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1])
	}
	return string(b[open+1 : end]), parent
}

func (d *Driver) sameNamespaces(pid int) bool {
	for _, ns := range []string{"ns/mnt", "ns/net"} {
		own, err1 := os.Readlink(filepath.Join(d.proc, "self", ns))
		its, err2 := os.Readlink(filepath.Join(d.proc, strconv.Itoa(pid), ns))
		if err1 != nil || err2 != nil || own != its {
			return false
		}
	}
	return true
}

// listens reports whether a descriptor of the process is a listening TCP socket.
func (d *Driver) listens(pid int) bool {
	dir := filepath.Join(d.proc, strconv.Itoa(pid))
	listening := map[string]bool{}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		b, _ := os.ReadFile(filepath.Join(dir, table))
		for line := range strings.Lines(string(b)) {
			const listen = "0A"
			if col := strings.Fields(line); len(col) > 9 && col[3] == listen {
				listening["socket:["+col[9]+"]"] = true
			}
		}
	}
	fds, _ := os.ReadDir(filepath.Join(dir, "fd"))
	for _, fd := range fds {
		if target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && listening[target] {
			return true
		}
	}
	return false
}
