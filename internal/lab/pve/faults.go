package pve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of faults.
const (
	FaultTask   = "task"         // a task fails at a step
	FaultHTTP   = "http"         // a call is not answered as it should be
	FaultFull   = "disk-full"    // a storage has no room left
	FaultSilent = "agent-silent" // a guest agent takes commands and does not answer
	FaultBusy   = "disk-busy"    // a VM's disks cannot be removed: something on the node holds them
	FaultLock   = "lock"         // somebody else holds a VM's or a storage's lock
)

// Fault is something that goes wrong from when it is injected until it is cleared, or has
// happened Times times. Empty fields fit everything.
type Fault struct {
	ID      string        `json:"id"`
	Kind    string        `json:"kind"`
	Task    string        `json:"task,omitempty"`    // of task: its type, such as qmcreate; see Steps
	Step    string        `json:"step,omitempty"`    // of task: the step; see Steps
	VMID    int           `json:"vmid,omitempty"`    // of task, agent-silent, disk-busy, lock
	Storage string        `json:"storage,omitempty"` // of disk-full, lock
	Method  string        `json:"method,omitempty"`  // of http
	Path    string        `json:"path,omitempty"`    // of http: what the path below /api2/json begins with
	Status  int           `json:"status,omitempty"`  // of http: 500, 502 …; 0 drops the connection
	When    string        `json:"when,omitempty"`    // of http: "before" (default) the call's work, or "after" it
	Delay   time.Duration `json:"delay,omitempty"`   // of http: how long nothing is answered, nanoseconds, not scaled
	Lock    string        `json:"lock,omitempty"`    // of lock: of a VM's configuration, such as backup
	Text    string        `json:"text,omitempty"`    // the error's text
	Times   int           `json:"times,omitempty"`   // 0 means until it is cleared
}

// Steps are the named steps of each kind of work, in their order: where a task can be told to fail.
func Steps() map[string][]string {
	return map[string][]string{
		"qmcreate":      {"worker", "allocate", "import", "configure", "prepare", "start", "end"},
		"config":        {"allocate", "import", "configure"}, // PUT config: no task
		"qmconfig":      {"worker", "allocate", "import", "configure", "end"},
		"qmclone":       {"worker", "allocate", "copy", "configure", "end"},
		"qmstart":       {"worker", "prepare", "start", "end"},
		"qmstop":        {"worker", "stop", "end"},
		"qmshutdown":    {"worker", "shutdown", "stop", "end"},
		"qmreboot":      {"worker", "shutdown", "stop", "prepare", "start", "end"},
		"qmreset":       {"worker", "reset", "end"},
		"qmsuspend":     {"worker", "pause", "end"},
		"qmresume":      {"worker", "pause", "end"},
		"qmdestroy":     {"worker", "destroy", "unregister", "end"},
		"qmsnapshot":    {"worker", "allocate", "snapshot", "end"},
		"qmdelsnapshot": {"worker", "snapshot", "end"},
		"qmrollback":    {"worker", "stop", "rollback", "prepare", "start", "end"},
		"qmtemplate":    {"worker", "template", "end"},
		"qmmove":        {"worker", "allocate", "copy", "end"},
		"resize":        {"worker", "resize", "end"},
		"download":      {"worker", "download", "checksum", "rename", "end"},
		"imgcopy":       {"worker", "copy", "checksum", "end"},
		"imgdel":        {"worker", "destroy", "end"},
		"hastart":       {"worker", "end"},
		"hastop":        {"worker", "end"},
		"vncproxy":      {"worker", "connect", "end"},
	}
}

// Inject makes something go wrong, and returns the fault's id.
func (s *Server) Inject(f Fault) (string, error) {
	if err := f.check(); err != nil {
		return "", err
	}
	err := s.with(func() error {
		f.ID = fmt.Sprintf("%x", random(4))
		s.st.Faults = append(s.st.Faults, f)
		if f.Kind == FaultLock && f.VMID != 0 {
			v, err := s.config(f.VMID)
			if err != nil {
				return err
			}
			v.Config["lock"] = f.Lock
		}
		return nil
	})
	return f.ID, err
}

func (f Fault) check() error {
	steps, known := Steps()[f.Task]
	switch {
	case !slices.Contains([]string{FaultTask, FaultHTTP, FaultFull, FaultSilent, FaultBusy, FaultLock}, f.Kind):
		return fmt.Errorf("cannot inject a fault of kind %q: there are task, http, disk-full, agent-silent, disk-busy and lock", f.Kind)
	case f.Kind == FaultTask && f.Task != "" && !known:
		return fmt.Errorf("cannot inject a fault into tasks of type %q: there are none", f.Task)
	case f.Kind == FaultTask && f.Task != "" && f.Step != "" && !slices.Contains(steps, f.Step):
		return fmt.Errorf("cannot inject a fault at step %q of %s: its steps are %s", f.Step, f.Task, strings.Join(steps, ", "))
	case f.Kind == FaultLock && f.VMID == 0 && f.Storage == "":
		return errors.New("cannot inject a lock: name a VM or a storage")
	case f.Kind == FaultLock && f.VMID != 0 && f.Lock == "":
		return errors.New("cannot inject a VM's lock: say which, such as backup")
	}
	return nil
}

// Faults lists what goes wrong now.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.st.Faults)
}

// Clear ends a fault, or with an empty id all of them. Locks that they held are released.
func (s *Server) Clear(id string) error {
	return s.with(func() error {
		s.st.Faults = slices.DeleteFunc(s.st.Faults, func(f Fault) bool {
			gone := id == "" || f.ID == id
			if v := s.st.VMs[f.VMID]; gone && f.Kind == FaultLock && v != nil && v.Config["lock"] == f.Lock {
				delete(v.Config, "lock")
			}
			return gone
		})
		return nil
	})
}

// Crash ends a VM's guest as a crash of QEMU would.
func (s *Server) Crash(vmid int) error {
	s.mu.Lock()
	v, err := s.config(vmid)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	m := s.take(v)
	if m == nil {
		return fmt.Errorf("cannot crash VM %d: it is not running", vmid)
	}
	return s.cleanup(v, m)
}
