package pve

import (
	"context"
	"errors"
)

// Guest is the kind of system that an image holds. Options.Guests registers one for an image's file
// name, or for the beginning of one; the longest that fits is taken, and "" fits every image.
type Guest interface {
	// Boot starts the system in a VM that is plugged in. It must not wait until it is up. ctx ends
	// with the simulator.
	Boot(ctx context.Context, m Machine) (Running, error)
}

// Machine is the VM as the guest sees it.
type Machine struct {
	VMID      int
	Name      string // the VM's name in Proxmox
	Plug      string // the namespace's name, see Plugger
	Image     string // file name of the image that the boot disk came from, "" for an empty disk
	NICs      []NIC
	CloudInit CloudInit
	Config    map[string]string // the VM's options in effect
	Disk      string            // a directory that lasts as long as the boot disk
	Timing    Timing
	Resumed   bool // the system had been running before the simulator was restarted
}

// Running is a system that runs.
type Running interface {
	// Shutdown presses the power button.
	Shutdown()
	// Stop cuts the power, and returns when nothing of the system runs any more.
	Stop()
	// Done is closed when the system is off, by itself or by one of the above.
	Done() <-chan struct{}
	// Agent sends a command to the guest agent (ping, get-osinfo, exec …) and returns its answer as
	// QEMU's guest agent words it. ErrNoAgent: nothing answers.
	Agent(ctx context.Context, command string, args map[string]any) (any, error)
}

// ErrNoAgent is what Running.Agent returns when no guest agent answers.
var ErrNoAgent = errors.New("QEMU guest agent is not running")

// machine is a guest that runs, in memory.
type machine struct {
	running Running
	silent  bool // the agent does not answer: a fault
	off     bool // somebody is taking it down: its watcher does nothing
}
