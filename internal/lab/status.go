package lab

import (
	"fmt"
	"os"
	"time"
)

// The states of a lab.
const (
	StateUp     = "up"
	StateBroken = "broken" // something of it is there, but not all: up builds it again, down takes it away
	StateDown   = "down"
)

// Status is how a lab stands.
type Status struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Reason    string    `json:"reason,omitempty"` // why it is broken
	Created   time.Time `json:"created,omitzero"`
	HandTyped bool      `json:"handTyped"`
	Daemon    int       `json:"daemon,omitempty"` // process id of waddled on this machine
	Socket    string    `json:"socket,omitempty"` // where waddled's socket is seen from this machine
	DaemonLog string    `json:"daemonLog,omitempty"`
	Proxmox   string    `json:"proxmox,omitempty"` // the API of the simulated node, seen from the host
	VMs       []VM      `json:"vms"`
}

// HostKind is the host in words.
func (s Status) HostKind() string {
	if s.HandTyped {
		return "hand-typed"
	}
	return "fresh"
}

// DaemonState is waddled in words.
func (s Status) DaemonState() string {
	if s.Daemon == 0 {
		return "not running"
	}
	return fmt.Sprintf("process %d", s.Daemon)
}

// StatusOf looks at the lab of that name and changes nothing.
func StatusOf(name string) Status {
	s := Status{Name: name, State: StateDown, VMs: []VM{}}
	l, err := Open(name)
	if err != nil {
		if remains(name) {
			s.State, s.Reason = StateBroken, err.Error()
		}
		return s
	}
	s.State, s.HandTyped, s.Socket, s.DaemonLog, s.Proxmox = StateUp, l.handTyped, l.Socket(), l.DaemonLog(), proxmoxAPI
	if st, err := readState(name); err == nil {
		s.Created = st.Created
	}
	if pid, running := l.Daemon(); running {
		s.Daemon = pid
	}
	if vms, err := l.VMs(); err == nil && vms != nil {
		s.VMs = vms
	}
	return s
}

func remains(name string) bool {
	names, err := netnsNames(name)
	_, serr := os.Stat(stateDir(name))
	return err != nil || len(names) > 0 || serr == nil
}
