package termtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a program that runs on a pseudo-terminal.
type Terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	done   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	seen int // how far Expect has read
}

// Start runs cmd on a new terminal of the given size, as its controlling one, so
// that Ctrl-C arrives as it does for a person.
func Start(t *testing.T, columns, rows uint16, cmd *exec.Cmd) *Terminal {
	t.Helper()
	master, slave, err := open(columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	term := &Terminal{t: t, master: master, cmd: cmd, done: make(chan struct{})}
	go term.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // has ended already unless the test failed
		master.Close()
		<-term.done
	})
	return term
}

func (term *Terminal) read() {
	defer close(term.done)
	buffer := make([]byte, 4096)
	for {
		n, err := term.master.Read(buffer)
		term.mu.Lock()
		term.text.Write(buffer[:n])
		term.mu.Unlock()
		if err != nil { // EIO: the program has ended
			return
		}
	}
}

// Expect waits until the program has written text after what was expected last.
func (term *Terminal) Expect(text string) {
	term.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		term.mu.Lock()
		all := term.text.String()
		at := strings.Index(all[term.seen:], text)
		if at >= 0 {
			term.seen += at + len(text)
		}
		term.mu.Unlock()
		if at >= 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	term.t.Fatalf("the program did not write %q; it wrote:\n%s", text, term.Text())
}

// Send types.
func (term *Terminal) Send(text string) {
	term.t.Helper()
	if _, err := term.master.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// Wait returns the program's exit code.
func (term *Terminal) Wait() int {
	term.t.Helper()
	timeout := time.AfterFunc(60*time.Second, func() { _ = term.cmd.Process.Kill() })
	err := term.cmd.Wait()
	if !timeout.Stop() {
		term.t.Fatalf("the program did not end within 60 s; it wrote:\n%s", term.Text())
	}
	<-term.done
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		term.t.Fatal(err)
	}
	return term.cmd.ProcessState.ExitCode()
}

// Text is everything that was written so far, as it went to the terminal.
func (term *Terminal) Text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// open makes a pseudo-terminal (pty(7)).
func open(columns, rows uint16) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a pseudo-terminal: %w", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, fmt.Errorf("cannot unlock the pseudo-terminal: %w", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot find the pseudo-terminal's other side: %w", err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		return nil, nil, fmt.Errorf("cannot set the size of the pseudo-terminal: %w", err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the pseudo-terminal's other side: %w", err)
	}
	return master, slave, nil
}
