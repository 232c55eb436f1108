package appliance

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// console keeps what the guest writes to its serial console in a file and
// looks for a kernel panic in it.
type console struct {
	file *os.File

	mu       sync.Mutex
	line     []byte        // the unfinished last line
	why      string        // the line that told of the panic
	panicked chan struct{} // closed at a panic
}

// panicMarks are what the kernel prints when it gives up: kernel/panic.c.
var panicMarks = []string{"Kernel panic - not syncing", "end Kernel panic"}

func newConsole(path string) (*console, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot keep the guest's console: %w", err)
	}
	return &console{file: f, panicked: make(chan struct{})}, nil
}

// Write takes what the guest has written.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = append(c.line, p...)
	for {
		line, rest, found := bytes.Cut(c.line, []byte("\n"))
		c.look(string(line))
		if !found {
			break
		}
		c.line = rest
	}
	return c.file.Write(p)
}

func (c *console) look(line string) {
	if c.why != "" {
		return
	}
	for _, mark := range panicMarks {
		if strings.Contains(line, mark) {
			c.why = strings.TrimSpace(line)
			close(c.panicked)
			return
		}
	}
}

// panic returns the error that stands for a panicked guest, or nil.
func (c *console) panic() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == "" {
		return nil
	}
	return &PanicError{Line: c.why, Console: c.file.Name()}
}

// panicSeen is closed when the guest panics.
func (c *console) panicSeen() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.panicked
}

// forgetPanic makes the console fit for a guest that is started again.
func (c *console) forgetPanic() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why, c.line, c.panicked = "", nil, make(chan struct{})
}

func (c *console) Close() error { return c.file.Close() }

// PanicError says that the guest's kernel panicked. Under software emulation
// that can be the emulator's fault: with QEMU 7.2 and two CPUs about one start
// in 160 ended in "Oops: int3", which is why the guest has one.
type PanicError struct {
	Line    string // what the kernel said
	Console string // the file with all that it said
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("the guest's kernel panicked (%s); its console is in %s", e.Line, e.Console)
}
