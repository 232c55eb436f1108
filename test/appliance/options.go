package appliance

import (
	"io"
	"os"
)

// Options of a machine. The zero value is right for most tests.
type Options struct {
	// Boot starts the kernel instead of copying the booted template: slower
	// (some 20 s), with a machine-id, host keys and an uptime of its own.
	Boot bool
	// Memory of the guest in MiB; 0 means 2048. Another value implies Boot.
	Memory int
	// Pool is the size of rpool's disk in GiB; 0 means 8. Another value implies
	// Boot. The disk is sparse.
	Pool int
	// Log gets a line for everything that somebody who waits wants to know, and
	// everything that the harness did on its own. Nil means standard error.
	Log io.Writer
}

const (
	defaultMemory = 2048
	defaultPool   = 8
)

func (o Options) withDefaults() Options {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Pool == 0 {
		o.Pool = defaultPool
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	return o
}

// fromTemplate reports whether a copy of the template is what was asked for.
func (o Options) fromTemplate() bool {
	return !o.Boot && o.Memory == defaultMemory && o.Pool == defaultPool
}
