package pve

import (
	"fmt"
	"time"
)

func (s *Server) lockFile(path string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[path] == nil {
		s.locks[path] = make(chan struct{}, 1)
	}
	return s.locks[path]
}

// lock takes one of Proxmox's lock files, or fails after the lock wait as Proxmox does. The
// function that it returns gives the lock back; it also happens at the job's end.
func (j *job) lock(path string) (unlock func(), err error) {
	file := j.s.lockFile(path)
	wait := time.NewTimer(j.s.o.Timing.of(j.s.o.Timing.LockWait))
	defer wait.Stop()
	select {
	case file <- struct{}{}:
	case <-wait.C:
		select { // on a slow machine the time may be over before a lock that is free was looked at
		case file <- struct{}{}:
		default:
			return nil, fmt.Errorf("can't lock file '%s' - got timeout", path)
		}
	case <-j.ctx.Done():
		return nil, errStopped
	}
	held := true
	unlock = func() {
		if held {
			held = false
			<-file
		}
	}
	j.undo = append(j.undo, unlock)
	return unlock, nil
}

// lockVM takes the lock of a VM's configuration for the rest of the job.
func (j *job) lockVM(vmid int) error {
	_, err := j.lock(fmt.Sprintf("/var/lock/qemu-server/lock-%d.conf", vmid))
	return err
}

// lockStorage takes a storage's lock: every allocation holds it for a moment, a full clone until
// the copy is done.
func (j *job) lockStorage(id string) (unlock func(), err error) {
	path := "/var/lock/pve-manager/pve-storage-" + id
	if j.s.storageHeld(id) { // a fault
		if err := j.sleep(j.s.o.Timing.of(j.s.o.Timing.LockWait)); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("can't lock file '%s' - got timeout", path)
	}
	return j.lock(path)
}
